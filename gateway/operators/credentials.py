"""The two credentials of an operator: a password, and a time-based one-time code (RFC 6238).

Passwords: the rules for new ones, and argon2id (RFC 9106) in threads outside the event loop. A hash takes a third of a second
and 64 MiB: few run at once, some more may wait, and no other work waits for them. Verifying the password of an unknown name
takes the same time.

Codes: SHA-1, 6 digits, 30 s; those of the step before and after are accepted (§5.2). `sessions.py` stores the step of the last
code, so that each code works once.
"""

import asyncio
import base64
import hmac
import secrets
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import NewType, TypeVar
from urllib.parse import quote

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from gateway.errors.requests import Overloaded
from gateway.identifiers import normalise

NewPassword = NewType("NewPassword", str)
"""A password that `parse_new_password` accepted."""

MIN_LENGTH, MAX_LENGTH = 12, 128
THREADS = 2
"""Threads of the executor."""
MAX_WAITING = 32
"""At most this number of hashes run or wait."""
MAX_WRONG_CODES = 4
"""At most this number of attempts with a wrong code are hashed or wait; they use one thread."""
MAX_OF_ONE_NAME = 4
"""At most this number of attempts with a right code for one name are hashed or wait, one at a time."""

STEP_S = 30
SECRET_SIZE = 20
"""Bytes of a code's secret: RFC 4226 §4 R6 recommends 160 bits."""

_DIGITS = 6
_LENGTHS = f"a password of {MIN_LENGTH} to {MAX_LENGTH} characters is expected"
_SALT_SIZE, _HASH_SIZE = 16, 32
_MIN_OTHERS = 8
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
    """The cost of a hash: RFC 9106 §4, second recommendation (memory-constrained), but with one lane.

    OpenSSL has one thread pool for all lanes: with several lanes, concurrent hashes fail or never end.
    """

    memory_kib: int = 64 * 1024
    passes: int = 3
    lanes: int = 1


def parse_new_password(text: str, *, name: str) -> NewPassword:
    """Read a new password. Raises `ValueError` with what is expected, without the password."""
    try:
        password = normalise("NFC", text, longest=MAX_LENGTH)
    except ValueError:
        raise ValueError(_LENGTHS) from None
    folded = password.casefold()
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise ValueError(_LENGTHS)
    if name in folded and len(folded.replace(name, "")) < _MIN_OTHERS:
        raise ValueError("a password other than the operator's name is expected")
    if _is_run(folded) or _is_common(folded):
        raise ValueError("that password is easy to guess: use several unrelated words")
    return NewPassword(password)


def _is_run(folded: str) -> bool:
    """Return whether most characters equal or follow the one before, as in `abcd`, or there are few different ones."""
    steps = sum(abs(ord(one) - ord(other)) <= 1 for one, other in pairwise(folded))
    return steps >= _RUN_SHARE * (len(folded) - 1) or len(set(folded)) < _MIN_OTHERS // 2


def _is_common(folded: str) -> bool:
    """Return whether the text is a common password once the digits and signs around it are removed."""
    letters = folded.translate(_LOOK_ALIKES)
    bare = folded.strip("0123456789 .,;:!?@#$%^&*()_-+=")
    return letters in _STEMS or bare.translate(_LOOK_ALIKES) in _STEMS


class Passwords:
    """Hashes and verifies passwords in an executor's threads; `Argon2id` releases the interpreter's lock."""

    def __init__(self, executor: Executor, *, cost: Cost | None = None, waiting: int = MAX_WAITING) -> None:
        self._executor = executor
        self._cost = cost or Cost()
        self._bound = waiting
        self._running = 0
        self._wrong_codes = 0
        self._wrong_code_turn = asyncio.Semaphore(1)
        self._of_name: Counter[str] = Counter()
        self._turns: dict[str, asyncio.Lock] = {}

    async def hash(self, password: NewPassword) -> str:
        """Return the password's hash with its salt and cost (PHC form). Raises `Overloaded`."""
        argon2 = Argon2id(
            salt=secrets.token_bytes(_SALT_SIZE),
            length=_HASH_SIZE,
            iterations=self._cost.passes,
            lanes=self._cost.lanes,
            memory_cost=self._cost.memory_kib,
        )
        return await self._in_thread(lambda: argon2.derive_phc_encoded(password.encode()))

    async def verify(self, password: str, hashed: str | None) -> bool:
        """Return whether a hash is of this password; without a hash False, after the same time.

        Raises:
            Overloaded: too many hashes wait.
        """
        try:
            normal = normalise("NFC", password, longest=MAX_LENGTH)
        except ValueError:  # no password can have this form
            normal, hashed = "", None
        return await self._in_thread(lambda: _matches(normal, hashed or self._make_unmatched_hash()))

    async def verify_one_at_a_time(self, name: str, password: str, hashed: str | None) -> bool:
        """As `verify`, but one attempt of a name at a time, so that attempts for one name don't delay other names.

        Raises:
            Overloaded: too many hashes wait, of this name or in all.
        """
        if self._of_name[name] >= MAX_OF_ONE_NAME:
            raise Overloaded
        self._of_name[name] += 1
        try:
            async with self._turns.setdefault(name, asyncio.Lock()):
                return await self.verify(password, hashed)
        finally:
            self._of_name[name] -= 1
            if not self._of_name[name]:
                del self._of_name[name], self._turns[name]

    async def verify_with_wrong_code(self, password: str, hashed: str | None) -> bool:
        """As `verify`, for an attempt with a wrong code; False, without hashing, if too many of them wait.

        They use one thread, so that an attempt with a right code never waits for them.
        """
        if self._wrong_codes >= MAX_WRONG_CODES:
            return False
        self._wrong_codes += 1
        try:
            async with self._wrong_code_turn:
                return await self.verify(password, hashed)
        finally:
            self._wrong_codes -= 1

    async def _in_thread(self, work: Callable[[], Result]) -> Result:
        if self._running >= self._bound:
            raise Overloaded
        self._running += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, work)
        finally:
            self._running -= 1

    def _make_unmatched_hash(self) -> str:
        """Return a well-formed hash that matches no password: verifying takes as long as with a real one."""
        salt, digest = (
            base64.b64encode(secrets.token_bytes(size)).decode().rstrip("=")
            for size in (_SALT_SIZE, _HASH_SIZE)
        )
        cost = self._cost
        return f"$argon2id$v=19$m={cost.memory_kib},t={cost.passes},p={cost.lanes}${salt}${digest}"


def _matches(password: str, hashed: str) -> bool:
    try:
        Argon2id.verify_phc_encoded(password.encode(), hashed)
    except InvalidKey:
        return False
    return True


def new_secret() -> bytes:
    """Return 160 random bits."""
    return secrets.token_bytes(SECRET_SIZE)


def code_at(secret: bytes, step: int, *, digits: int = _DIGITS) -> str:
    """Return the code of a time step (RFC 4226 §5.3)."""
    digest = hmac.digest(secret, step.to_bytes(8, "big"), "sha1")
    offset = digest[-1] & 0x0F
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFF_FFFF
    return str(number % 10**digits).rjust(digits, "0")


def step_of(now: datetime) -> int:
    """Return the number of the time step, counted from 1970."""
    return int(now.timestamp()) // STEP_S


def find_step(secret: bytes, code: str, *, now: datetime, after: int | None) -> int | None:
    """Return the step with this code: the present one or its neighbour, and later than `after`, the last used step."""
    found = None
    for step in range(step_of(now) - 1, step_of(now) + 2):  # always all three, so that the time shows nothing
        matches = hmac.compare_digest(code_at(secret, step).encode(), code.encode())
        if matches and (after is None or step > after):
            found = step
    return found


def to_base32(secret: bytes) -> str:
    """Return a secret in the base32 form of authenticators."""
    return base64.b32encode(secret).decode().rstrip("=")


def draw_qr(text: str) -> str:
    """Return a QR code as lines of half blocks, light on dark, with the quiet zone of ISO/IEC 18004 (four modules)."""
    import segno  # noqa: PLC0415 - only an enrolment draws one

    rows = [list(row) for row in segno.make(text, error="l", micro=False).matrix_iter(border=4)]
    rows += [[0] * len(rows[0])] * (len(rows) % 2)
    halves = {(0, 0): "█", (0, 1): "▀", (1, 0): "▄", (1, 1): " "}
    return "\n".join(
        "".join(halves[upper & 1, lower & 1] for upper, lower in zip(*pair, strict=True))
        for pair in zip(rows[::2], rows[1::2], strict=True)
    )


def to_uri(secret: str, *, name: str) -> str:
    """Return the `otpauth:` address of a base32 secret, with the default algorithm, digits and period."""
    return f"otpauth://totp/gateway:{quote(name)}?secret={secret}"
