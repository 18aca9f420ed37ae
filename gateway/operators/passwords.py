"""Passwords: which are good enough, and argon2id (RFC 9106) beside the event loop.

A hash takes a third of a second and 64 MiB: few run at once, few more may wait, and nothing else waits for them.
Verifying for a name that nobody has costs the same. Refuses nothing of a password to be verified but a wrong one.
"""

import asyncio
import base64
import secrets
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import pairwise
from typing import NewType, TypeVar

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from gateway.errors.places import Overloaded
from gateway.normal_forms import normalise

NewPassword = NewType("NewPassword", str)
"""A password that `parse_new_password` let pass."""

SHORTEST, LONGEST = 12, 128
AT_ONCE = 2
"""Threads that the executor handed in is to have."""
WAITING = 32
UNLIKELY = 4
"""Tries with a wrong code that have their password hashed at once or wait for it; one thread at most is theirs."""
OF_ONE_NAME = 4
"""Tries with a right code of one name that are hashed or wait; they are hashed one after the other."""

_LENGTHS = f"a password of {SHORTEST} to {LONGEST} characters is expected"
_SALT_SIZE, _HASH_SIZE = 16, 32
_FEWEST_OTHERS = 8
_RUN_SHARE = 0.7
_LOOK_ALIKES = str.maketrans("0134578@$!", "oieastbasi")
_STEMS = frozenset(
    """password passwordpassword passw matkhau matkhaumatkhau qwerty qwertyuiop qwertyuiopas asdfghjkl asdfgh zxcvbnm
    letmein welcome administrator admin adminadmin operator gateway changeme iloveyou anhyeuem emyeuanh toiyeuvietnam
    vietnam hanoi saigon dancuquocgia dancu superman football princess sunshine monkey dragon master secret
    correcthorsebatterystaple""".translate(_LOOK_ALIKES).split()
)

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """How dear a hash is: RFC 9106 §4's second choice, for where memory is constrained, but with one lane.

    OpenSSL shares one pool of threads for lanes: with more than one, hashes at once fail or wait for ever.
    """

    memory_kib: int = 64 * 1024
    passes: int = 3
    lanes: int = 1


def parse_new_password(text: str, *, name: str) -> NewPassword:
    """Read a password that somebody wants to have. Raises `ValueError` saying what is expected, never the password."""
    try:
        password = normalise("NFC", text, longest=LONGEST)
    except ValueError:
        raise ValueError(_LENGTHS) from None
    folded = password.casefold()
    if not SHORTEST <= len(password) <= LONGEST:
        raise ValueError(_LENGTHS)
    if name in folded and len(folded.replace(name, "")) < _FEWEST_OTHERS:
        raise ValueError("a password that is not made of the operator's name is expected")
    if _is_run(folded) or _is_common(folded):
        raise ValueError("that password is among the first to be guessed: several unrelated words are better")
    return NewPassword(password)


def _is_run(folded: str) -> bool:
    """Say whether most characters are those beside the ones before, or the same few."""
    beside = sum(abs(ord(one) - ord(other)) <= 1 for one, other in pairwise(folded))
    return beside >= _RUN_SHARE * (len(folded) - 1) or len(set(folded)) < _FEWEST_OTHERS // 2


def _is_common(folded: str) -> bool:
    """Say whether a word that everybody takes is left when figures and signs around it are taken away."""
    letters = folded.translate(_LOOK_ALIKES)
    bare = folded.strip("0123456789 .,;:!?@#$%^&*()_-+=")
    return letters in _STEMS or bare.translate(_LOOK_ALIKES) in _STEMS


class Passwords:
    """Hashes and verifies in an executor's threads, which `Argon2id` lets run beside the loop."""

    def __init__(self, executor: Executor, *, cost: Cost | None = None, waiting: int = WAITING) -> None:
        self._executor = executor
        self._cost = cost or Cost()
        self._bound = waiting
        self._present = 0
        self._unlikely = 0
        self._unlikely_turn = asyncio.Semaphore(1)
        self._turns: dict[str, asyncio.Lock] = {}
        self._of_name: Counter[str] = Counter()

    async def hash(self, password: NewPassword) -> str:
        """Return the password's hash with its salt and cost (PHC form). Raises `Overloaded`."""
        return await self._beside(lambda: self._derive(password))

    async def verify(self, password: str, hashed: str | None) -> bool:
        """Say whether a hash is this password's; without one the answer is no, and takes as long.

        Raises:
            Overloaded: too many wait.
        """
        try:
            normal = normalise("NFC", password, longest=LONGEST)
        except ValueError:  # nobody's: none like it can be had
            normal, hashed = "", None
        return await self._beside(lambda: _matches(normal, hashed or self._nobodys()))

    async def verify_of(self, name: str, password: str, hashed: str | None) -> bool:
        """As `verify`, one try of a name at a time: who has one authenticator's codes keeps no other name waiting.

        Raises:
            Overloaded: too many wait, of this name or altogether.
        """
        if self._of_name[name] >= OF_ONE_NAME:
            raise Overloaded
        self._of_name[name] += 1
        try:
            async with self._turns.setdefault(name, asyncio.Lock()):
                return await self.verify(password, hashed)
        finally:
            self._of_name[name] -= 1
            if not self._of_name[name]:
                del self._of_name[name], self._turns[name]

    async def verify_unlikely(self, password: str, hashed: str | None) -> bool:
        """As `verify`, for a try that is wrong whatever is found; no where `UNLIKELY` such tries are there already.

        They take one thread, so that a right try has another: it never waits behind them.
        """
        if self._unlikely >= UNLIKELY:
            return False
        self._unlikely += 1
        try:
            async with self._unlikely_turn:
                return await self.verify(password, hashed)
        finally:
            self._unlikely -= 1

    async def _beside(self, work: Callable[[], Result]) -> Result:
        if self._present >= self._bound:
            raise Overloaded
        self._present += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, work)
        finally:
            self._present -= 1

    def _derive(self, password: str) -> str:
        argon2 = Argon2id(
            salt=secrets.token_bytes(_SALT_SIZE),
            length=_HASH_SIZE,
            iterations=self._cost.passes,
            lanes=self._cost.lanes,
            memory_cost=self._cost.memory_kib,
        )
        return argon2.derive_phc_encoded(password.encode())

    def _nobodys(self) -> str:
        """Return what looks like a hash, of no password: verifying against it takes as long as against a real one."""
        salt, digest = (_base64(secrets.token_bytes(size)) for size in (_SALT_SIZE, _HASH_SIZE))
        cost = self._cost
        return f"$argon2id$v=19$m={cost.memory_kib},t={cost.passes},p={cost.lanes}${salt}${digest}"


def _matches(password: str, hashed: str) -> bool:
    try:
        Argon2id.verify_phc_encoded(password.encode(), hashed)
    except InvalidKey:
        return False
    return True


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode().rstrip("=")
