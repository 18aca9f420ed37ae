"""Passwords: which are refused, and that hashing stands beside the loop, bounded."""

import asyncio
import threading
import unicodedata
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from gateway.errors.places import Overloaded
from gateway.operators.passwords import Cost, Passwords, parse_new_password
from tests.gateway.operators.people import CHEAP, PASSWORD


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
def test_words_that_nobody_guesses_first_are_good_enough(text: str) -> None:
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
        ("abcdefghijkl", "first to be guessed"),
        ("123456789012", "first to be guessed"),
        ("zyxwvutsrqpo", "first to be guessed"),
        ("aaaaaaaaaaaaaa", "first to be guessed"),
        ("abababababab", "first to be guessed"),
        ("Password12345!", "first to be guessed"),
        ("p@ssw0rd123456", "first to be guessed"),
        ("MatKhau@2026!!", "first to be guessed"),
        ("qwertyuiop123", "first to be guessed"),
        ("Administrator1", "first to be guessed"),
    ],
)
def test_threat_42_what_is_guessed_first_is_refused_without_repeating_it(text: str, expected: str) -> None:
    with pytest.raises(ValueError, match=expected) as refused:
        parse_new_password(text, name="lan.nguyen")
    assert not text or text not in str(refused.value)


async def test_threat_42_a_password_is_kept_as_argon2id_at_the_cost_of_rfc_9106(
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
    """What is verified for nobody has the very form of what is kept for somebody."""
    with Witness() as witness:
        passwords = Passwords(witness, cost=Cost(memory_kib=64, passes=2, lanes=2))
        kept = await passwords.hash(parse_new_password(PASSWORD, name="lan"))
        before = witness.submitted
        assert await passwords.verify(PASSWORD, None) is False
        assert witness.submitted == before + 1
    nobodys = passwords._nobodys()
    assert nobodys.split("$")[1:4] == kept.split("$")[1:4]
    assert [len(part) for part in nobodys.split("$")] == [len(part) for part in kept.split("$")]


class Witness(ThreadPoolExecutor):
    """Counts what it was given, and holds it until told."""

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


async def test_threat_42_the_loop_goes_on_while_a_password_is_hashed() -> None:
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


async def test_many_hashes_at_once_all_come_to_an_end() -> None:
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
