"""Which passwords are refused; hashing runs beside the event loop, within a bound."""

import asyncio
import threading
import unicodedata
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from gateway.errors.requests import Overloaded
from gateway.operators.credentials import Cost, Passwords, parse_new_password
from tests.kit.operators import CHEAP, PASSWORD


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as made:
        yield made


@pytest.mark.parametrize(
    "text",
    [
        PASSWORD,
        "Trời mưa bong bóng phập phồng",
        "x7#Kp2!vQm9z",
        "lan.nguyen thích ăn phở bò",
        "a" * 5 + "bức tường gạch",
    ],
)
def test_a_password_that_is_hard_to_guess_is_accepted(text: str) -> None:
    assert parse_new_password(text, name="lan.nguyen") == unicodedata.normalize("NFC", text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "12 to 128 characters"),
        ("x7#Kp2!vQm9", "12 to 128 characters"),
        ("bức tường gạch " * 9, "12 to 128 characters"),
        ("e\u0301" * 11, "12 to 128 characters"),
        ("lan.nguyen-01", "operator's name"),
        ("LAN.NGUYEN-2026", "operator's name"),
        ("lan.nguyenlan.nguyen", "operator's name"),
        ("abcdefghijkl", "easy to guess"),
        ("123456789012", "easy to guess"),
        ("zyxwvutsrqpo", "easy to guess"),
        ("aaaaaaaaaaaaaa", "easy to guess"),
        ("abababababab", "easy to guess"),
        ("Password12345!", "easy to guess"),
        ("p@ssw0rd123456", "easy to guess"),
        ("MatKhau@2026!!", "easy to guess"),
        ("qwertyuiop123", "easy to guess"),
        ("Administrator1", "easy to guess"),
    ],
)
def test_threat_42_a_common_password_is_refused_and_not_repeated(text: str, expected: str) -> None:
    with pytest.raises(ValueError, match=expected) as refused:
        parse_new_password(text, name="lan.nguyen")
    assert not text or text not in str(refused.value)


async def test_threat_42_a_password_is_stored_as_argon2id_at_the_cost_of_rfc_9106(
    executor: ThreadPoolExecutor,
) -> None:
    passwords = Passwords(executor)
    one, other = [await passwords.hash(parse_new_password(PASSWORD, name="lan")) for _ in range(2)]
    assert one.startswith("$argon2id$v=19$m=65536,t=3,p=1$")
    assert one != other
    assert PASSWORD not in one
    assert await passwords.verify(PASSWORD, one)
    assert not await passwords.verify(PASSWORD + " ", one)


async def test_composed_and_decomposed_letters_are_the_same_password(executor: ThreadPoolExecutor) -> None:
    passwords = Passwords(executor, cost=CHEAP)
    text = "trời mưa bong bóng"
    kept = await passwords.hash(parse_new_password(unicodedata.normalize("NFD", text), name="lan"))
    for form in ("NFC", "NFD"):
        assert await passwords.verify(unicodedata.normalize(form, text), kept)


async def test_threat_42_a_name_without_a_password_is_hashed_at_the_same_cost() -> None:
    """The hash that is verified for an unknown name has the same form as a stored one."""
    with Witness() as witness:
        passwords = Passwords(witness, cost=Cost(memory_kib=64, passes=2, lanes=2))
        kept = await passwords.hash(parse_new_password(PASSWORD, name="lan"))
        before = witness.submitted
        assert await passwords.verify(PASSWORD, None) is False
        assert witness.submitted == before + 1
    nobodys = passwords._make_unmatched_hash()
    assert nobodys.split("$")[1:4] == kept.split("$")[1:4]
    assert [len(part) for part in nobodys.split("$")] == [len(part) for part in kept.split("$")]


class Witness(ThreadPoolExecutor):
    """Counts what is submitted, and starts it when the test says so."""

    def __init__(self, *, held: bool = False) -> None:
        super().__init__(1)
        self.submitted = 0
        self.gate = threading.Event()
        if not held:
            self.gate.set()

    def submit(self, work, /, *arguments, **named):  # type: ignore[no-untyped-def]  # the library's signature
        """Do the work once the gate is open."""
        self.submitted += 1

        def behind_the_gate():  # type: ignore[no-untyped-def]  # as above
            assert self.gate.wait(30)
            return work(*arguments, **named)

        return super().submit(behind_the_gate)


async def test_threat_42_the_event_loop_runs_while_a_password_is_hashed() -> None:
    with Witness(held=True) as witness:
        passwords = Passwords(witness, cost=CHEAP)
        hashing = asyncio.create_task(passwords.hash(parse_new_password(PASSWORD, name="lan")))
        for _ in range(100):
            await asyncio.sleep(0)
        assert (witness.submitted, hashing.done()) == (1, False)
        witness.gate.set()
        assert await passwords.verify(PASSWORD, await hashing)


async def test_threat_42_more_hashes_than_may_wait_are_refused_unhashed() -> None:
    with Witness(held=True) as witness:
        passwords = Passwords(witness, cost=CHEAP, waiting=2)
        waiting = [asyncio.create_task(passwords.verify(PASSWORD, None)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(Overloaded):
            await passwords.verify(PASSWORD, None)
        assert witness.submitted == 2
        witness.gate.set()
        assert await asyncio.gather(*waiting) == [False, False]
        assert await passwords.verify(PASSWORD, None) is False


async def test_many_hashes_that_run_at_once_all_complete() -> None:
    with ThreadPoolExecutor(4) as executor:
        passwords = Passwords(executor, waiting=8)
        async with asyncio.timeout(60):
            hashed = await asyncio.gather(
                *(passwords.hash(parse_new_password(f"{PASSWORD} {n}", name="an")) for n in range(8))
            )
            right = await asyncio.gather(
                *(passwords.verify(f"{PASSWORD} {n}", each) for n, each in enumerate(hashed))
            )
    assert right == [True] * 8
