"""Threat 51: right credentials are accepted whatever strangers try, also when all callers share one proxy's address."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from ipaddress import ip_network

import httpx
import pytest

from gateway.edge.forwarded import TrustedProxies
from gateway.edge.throttle import CODES_A_MINUTE, FREE_OF_PAIR, LoginThrottle
from gateway.errors.operators import LoginInvalid, SettingInvalid
from gateway.errors.requests import Overloaded, RateLimited
from gateway.operators.credentials import MAX_OF_ONE_NAME, MAX_WAITING, MAX_WRONG_CODES, Passwords
from gateway.operators.model import Login, RequestSource, Role
from gateway.operators.sessions import login
from gateway.settings import read_settings
from gateway.web import build_app
from portal.forwarded import find_visitor
from tests.kit.clocks import CounterClock
from tests.kit.operators import CHEAP, PASSWORD, SESSIONS, Person, enrolled, signed_in
from tests.kit.scene import BASE, Portal, Scene

FORM = {"grant_type": "client_credentials"}
TRIES = 40
CONNECTIONS = 8


async def guess_until(http: httpx.AsyncClient, portal: Portal, done: asyncio.Event) -> Counter[int]:
    """Try wrong secrets on one connection, one after the other."""
    seen: Counter[int] = Counter()
    while not done.is_set():
        answer = await http.post(f"{portal.issuer}/oauth2/token", data=FORM, auth=(portal.client_id, "wrong"))
        seen[answer.status_code] += 1
    return seen


async def test_threat_51_eight_guessing_connections_from_its_address_do_not_lock_a_client_out(
    portal: Portal,
) -> None:
    done = asyncio.Event()
    strangers = [asyncio.create_task(guess_until(portal.http, portal, done)) for _ in range(CONNECTIONS)]
    await asyncio.sleep(0.2)
    answers = Counter([(await portal.ask_token()).status_code for _ in range(TRIES)])
    done.set()
    for stranger in strangers:
        stranger.cancel()
    await asyncio.wait(strangers)
    assert answers == {200: TRIES}


async def test_threat_51_guesses_for_an_operators_name_from_their_address_do_not_lock_them_out(
    scene: Scene,
) -> None:
    secret = await enrolled(scene.gateway, "lan.nguyen", Role.APPROVER)
    person = Person(http=scene.http, clock=scene.clock, name="lan.nguyen", secret=secret)
    wrong = {"name": person.name, "password": PASSWORD[::-1], "totp": "000000"}
    flood = asyncio.gather(*(scene.http.post(SESSIONS, json=wrong) for _ in range(200)))
    await asyncio.sleep(0.1)
    for _ in range(3):
        assert (await person.try_in(totp=person.next_code())).status_code == 201
    flood.cancel()
    await asyncio.gather(flood, return_exceptions=True)


class Held(Passwords):
    """Keeps the thread of each wrong password busy until the test releases it."""

    def __init__(self, executor: ThreadPoolExecutor) -> None:
        super().__init__(executor, cost=CHEAP)
        self.released = asyncio.Event()
        self.any_held = asyncio.Event()
        self.busy = 0

    async def verify(self, password: str, hashed: str | None) -> bool:
        if password != PASSWORD:
            self.busy += 1
            self.any_held.set()
            await self.released.wait()
        return await super().verify(password, hashed)


async def test_threat_51_logins_with_a_wrong_code_use_one_thread_and_do_not_delay_the_right_operator(
    scene: Scene,
) -> None:
    person = await signed_in(scene, "lan.nguyen", Role.APPROVER)
    throttle, source = LoginThrottle(scene.clock), RequestSource(address="10.0.0.1")
    with ThreadPoolExecutor(2) as executor:
        passwords = Held(executor)
        wrong = Login(name=person.name, password="x" * 12, totp="000000")
        strangers = [
            asyncio.create_task(login(scene.gateway, passwords, throttle, wrong, source=source))
            for _ in range(MAX_WRONG_CODES * 3)
        ]
        await passwords.any_held.wait()
        right = Login(name=person.name, password=PASSWORD, totp=person.next_code())
        assert (await login(scene.gateway, passwords, throttle, right, source=source)).token
        assert passwords.busy == 1
        passwords.released.set()
        outcomes = await asyncio.gather(*strangers, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} <= {LoginInvalid, RateLimited}


async def test_threat_51_an_operator_with_codes_but_no_password_does_not_delay_other_operators(
    scene: Scene,
) -> None:
    viewer = await signed_in(scene, "vu.xem", Role.VIEWER)
    person = await signed_in(scene, "lan.nguyen", Role.APPROVER)
    throttle = LoginThrottle(scene.clock)
    right = Login(name=person.name, password=PASSWORD, totp=person.next_code())
    wrong = Login(name=viewer.name, password="x" * 12, totp=viewer.code())
    with ThreadPoolExecutor(2) as executor:
        passwords = Held(executor)
        flood = [
            asyncio.create_task(
                login(
                    scene.gateway,
                    passwords,
                    throttle,
                    wrong,
                    source=RequestSource(address=f"10.0.0.{number}"),
                )
            )
            for number in range(MAX_WAITING * 2)
        ]
        await passwords.any_held.wait()
        assert (
            await login(scene.gateway, passwords, throttle, right, source=RequestSource(address="10.0.1.1"))
        ).token
        assert passwords.busy == 1
        passwords.released.set()
        outcomes = Counter(type(each) for each in await asyncio.gather(*flood, return_exceptions=True))
    assert outcomes == {LoginInvalid: MAX_OF_ONE_NAME, Overloaded: MAX_WAITING * 2 - MAX_OF_ONE_NAME}


async def test_threat_51_code_attempts_with_the_right_password_are_checked_one_after_the_other(
    scene: Scene,
) -> None:
    person = await signed_in(scene, "lan.nguyen", Role.APPROVER)
    waits: list[float] = []

    async def wait(seconds: float) -> None:
        waits.append(seconds)

    throttle = LoginThrottle(scene.clock, sleep=wait)
    with ThreadPoolExecutor(2) as executor:
        passwords = Passwords(executor, cost=CHEAP)
        for number in range(FREE_OF_PAIR):
            thief = RequestSource(address=f"10.0.0.{number}")
            tried = Login(name=person.name, password=PASSWORD, totp="000000")
            with pytest.raises(LoginInvalid):
                await login(scene.gateway, passwords, throttle, tried, source=thief)
        assert waits == []
        right = Login(name=person.name, password=PASSWORD, totp=person.next_code())
        await login(scene.gateway, passwords, throttle, right, source=RequestSource(address="10.9.9.9"))
    assert waits == [0.25]


@asynccontextmanager
async def guessed(scene: Scene, clock: CounterClock) -> AsyncIterator[Callable[[str, str], Awaitable[str]]]:
    """Yield what signs lan.nguyen in with a code and a password, and returns the outcome; no answer waits."""

    async def wait(_: float) -> None:
        """Return at once."""

    throttle, source = LoginThrottle(clock, sleep=wait), RequestSource(address="10.0.0.1")
    with ThreadPoolExecutor(2) as executor:
        passwords = Passwords(executor, cost=CHEAP)

        async def attempt(code: str, password: str) -> str:
            tried = Login(name="lan.nguyen", password=password, totp=code)
            try:
                await login(scene.gateway, passwords, throttle, tried, source=source)
            except LoginInvalid as error:
                return error.code
            return "signed in"

        yield attempt


async def test_threat_51_a_right_code_among_many_guesses_with_the_right_password_counts_as_wrong(
    scene: Scene,
) -> None:
    person = await signed_in(scene, "lan.nguyen", Role.APPROVER)
    clock = CounterClock()
    async with guessed(scene, clock) as attempt:
        for _ in range(CODES_A_MINUTE + 1):
            assert await attempt("000000", PASSWORD) == "login_invalid"
        assert await attempt(person.next_code(), PASSWORD) == "login_invalid"
        clock.counter += 60
        assert await attempt(person.next_code(), PASSWORD) == "signed in"


async def test_threat_51_an_operator_who_mistyped_codes_gets_in_after_a_quarter_of_an_hour_whatever_strangers_send(
    scene: Scene,
) -> None:
    """The operator's own right codes, which count as wrong meanwhile, don't begin the quarter anew."""
    person = await signed_in(scene, "lan.nguyen", Role.APPROVER)
    clock = CounterClock()
    async with guessed(scene, clock) as attempt:

        async def flood() -> None:
            for _ in range(CODES_A_MINUTE + 1):
                assert await attempt("000000", PASSWORD[::-1]) == "login_invalid"

        for _ in range(FREE_OF_PAIR):
            assert await attempt("000000", PASSWORD) == "login_invalid"
        clock.counter += 840
        await flood()
        assert await attempt(person.next_code(), PASSWORD) == "login_invalid"
        clock.counter += 120
        await flood()
        assert await attempt(person.next_code(), PASSWORD) == "signed in"


@asynccontextmanager
async def behind(scene: Scene, proxy: str, *trusted: str, **headers: str) -> AsyncIterator[httpx.AsyncClient]:
    """Call through a proxy's address with the headers that the proxy sends."""
    app = build_app(scene.gateway, trusted_proxies=trusted)
    transport = httpx.ASGITransport(app, client=(proxy, 4000))
    async with httpx.AsyncClient(transport=transport, base_url=BASE, headers=headers) as http:
        yield http


@pytest.mark.parametrize(
    ("headers", "sort"),
    [
        ({"X-Forwarded-For": "8.8.8.8"}, "public_v4"),
        ({"Forwarded": 'for="[2a00::9]:4711";proto=https'}, "public_v6"),
        ({"X-Forwarded-For": "nonsense"}, "private"),
        ({}, "private"),
    ],
)
async def test_threat_51_the_header_of_a_trusted_proxy_gives_the_callers_address(
    scene: Scene, headers: dict[str, str], sort: str
) -> None:
    for trusted, expected in ((("10.0.0.0/8",), sort), ((), "private"), (("192.168.0.0/16",), "private")):
        async with behind(scene, "10.0.0.7", *trusted, **headers) as http:
            await http.post("/sandbox/oauth2/token", data=FORM)
        assert (await scene.audit())[-1]["address_class"] == expected


async def test_threat_51_behind_a_trusted_proxy_only_the_guessing_caller_is_slowed_down(
    scene: Scene, portal: Portal
) -> None:
    app = build_app(scene.gateway, trusted_proxies=("127.0.0.1/32",))

    async def guess(caller: str) -> int:
        transport = httpx.ASGITransport(app, client=("127.0.0.1", 4000))
        async with httpx.AsyncClient(transport=transport, base_url=BASE) as http:
            answer = await http.post(
                "/sandbox/oauth2/token",
                data=FORM,
                auth=(portal.client_id, "wrong"),
                headers={"X-Forwarded-For": caller},
            )
        return answer.status_code

    flood = await asyncio.gather(*(guess("203.0.113.1") for _ in range(30)))
    assert 429 in flood
    others = await asyncio.gather(*(guess(f"203.0.113.{n + 2}") for n in range(20)))
    assert set(others) == {401}


PEER = "10.0.0.7"
XFF, FORWARDED = b"x-forwarded-for", b"forwarded"


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ([], PEER),
        ([(XFF, b"203.0.113.9")], "203.0.113.9"),
        ([(XFF, b"1.1.1.1, 203.0.113.9")], "203.0.113.9"),
        ([(XFF, b"203.0.113.9, 10.0.0.8")], "203.0.113.9"),
        ([(XFF, b"1.1.1.1"), (XFF, b"203.0.113.9, 10.0.0.8")], "203.0.113.9"),
        ([(XFF, b"evil, 203.0.113.9")], "203.0.113.9"),
        ([(XFF, b"203.0.113.9, evil")], PEER),
        ([(XFF, b"203.0.113.9,")], PEER),
        ([(XFF, b"")], PEER),
        ([(XFF, b"10.0.0.9, 10.0.0.8")], "10.0.0.9"),
        ([(XFF, b"203.0.113.9:4711")], "203.0.113.9"),
        ([(XFF, b"[2a00::9]:4711")], "2a00::9"),
        ([(XFF, b"2a00::9")], "2a00::9"),
        ([(XFF, b"::ffff:203.0.113.9")], "203.0.113.9"),
        ([(XFF, b"203.0.113.9 203.0.113.8")], PEER),
        ([(XFF, b"0xcb.0.113.9")], PEER),
        ([(XFF, b"203.0.113.\xc2\xb9")], PEER),
        ([(FORWARDED, b"for=203.0.113.9")], "203.0.113.9"),
        ([(FORWARDED, b'For="[2a00::9]:47";proto=http;by=10.0.0.1')], "2a00::9"),
        ([(FORWARDED, b"for=1.1.1.1, for=203.0.113.9")], "203.0.113.9"),
        ([(FORWARDED, b"for=unknown")], PEER),
        ([(FORWARDED, b"for=_hidden")], PEER),
        ([(FORWARDED, b"proto=https")], PEER),
        ([(FORWARDED, b"for=1.1.1.1;for=203.0.113.9")], PEER),
        ([(FORWARDED, b'for="1.1.1.1, for=203.0.113.9')], PEER),
        ([(XFF, b"1.1.1.1"), (FORWARDED, b"for=203.0.113.9")], PEER),
        ([(XFF, b"203.0.113.9"), (FORWARDED, b"for=203.0.113.9")], "203.0.113.9"),
        ([(XFF, b", ".join([b"203.0.113.9", *[b"10.0.0.8"] * 60]))], "10.0.0.8"),
    ],
)
def test_threat_51_the_right_most_address_that_is_no_trusted_proxy_is_the_callers(
    headers: list[tuple[bytes, bytes]], found: str
) -> None:
    assert TrustedProxies(("10.0.0.0/8",)).find_client(PEER, headers) == found
    assert TrustedProxies(("192.168.0.0/16",)).find_client(PEER, headers) == PEER
    assert TrustedProxies().find_client(PEER, headers) == PEER
    assert find_visitor(PEER, headers, [ip_network("10.0.0.0/8")]) == found
    assert find_visitor(PEER, headers, [ip_network("192.168.0.0/16")]) == PEER


@pytest.mark.parametrize("value", ["0.0.0.0/0", "::/0", "proxy.example", "10.0.0.1/8"])
def test_a_proxy_setting_that_trusts_everybody_or_nobody_stops_the_start(value: str) -> None:
    with pytest.raises(SettingInvalid, match="GATEWAY_TRUSTED_PROXIES"):
        read_settings({"GATEWAY_TRUSTED_PROXIES": value}, dotenv=None)
    good = read_settings({"GATEWAY_TRUSTED_PROXIES": "127.0.0.1/32, ::1"}, dotenv=None)
    assert good.trusted_proxies == ("127.0.0.1/32", "::1")
