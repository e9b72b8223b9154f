"""Passwords: the rules of NIST SP 800-63B-4 section 3.1.1.2, and argon2id (RFC 9106) off the event loop.

Long enough and not one that everybody tries first; no composition rules and no forced change, which make
people choose worse. Any character counts, spaces too; NFC, so that two keyboards type the same password.
"""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from mediaserver.identity.common_passwords import COMMON
from mediaserver.identity.errors import BusyError, RuleError

T = TypeVar("T")

MAX_LENGTH = 256  # characters: well over the 64 that must be taken, and no work for the hash
_QUEUE = 32  # hashes waiting; at 60 ms each more would wait longer than people do


@dataclass(frozen=True, slots=True)
class Argon2:
    """Cost of one hash. The defaults are RFC 9106's second choice (64 MiB, 3 passes, 4 lanes)."""

    memory: int = 64 * 1024  # KiB
    passes: int = 3
    lanes: int = 4


class Passwords:
    """Hashes and compares, two at a time, in threads of its own."""

    def __init__(self, cost: Argon2 = Argon2(), *, threads: int = 2) -> None:
        self._hasher = PasswordHasher(
            time_cost=cost.passes, memory_cost=cost.memory, parallelism=cost.lanes, type=Type.ID
        )
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="argon2")
        self._waiting = 0
        # Compared with when there is no such account, so that its absence takes as long as a wrong password.
        self._nobody = self._hasher.hash("nobody has this password")

    async def hash(self, password: str) -> str:
        """PHC text. Raises BusyError."""
        return await self._run(lambda: self._hasher.hash(normal(password)))

    async def matches(self, password: str, stored: str | None) -> bool:
        """Whether it is the password. `stored` None costs the same and is False. Raises BusyError."""
        right = await self._run(lambda: self._verify(stored or self._nobody, password))
        return right and stored is not None

    def outdated(self, stored: str) -> bool:
        """Whether it was hashed at another cost than today's: hash it again while the password is at hand."""
        return self._hasher.check_needs_rehash(stored)

    def close(self) -> None:
        """Ends the threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _verify(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, normal(password))
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, work: Callable[[], T]) -> T:
        if self._waiting >= _QUEUE:
            raise BusyError("Many people are signing in at this moment. Try again.")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._waiting -= 1


def normal(password: str) -> str:
    """As it is hashed (NFC). A lone surrogate, which no keyboard types, becomes U+FFFD."""
    text = password[:MAX_LENGTH].encode(errors="replace").decode()
    return unicodedata.normalize("NFC", text)


def check_rules(password: str, *, shortest: int, words: tuple[str, ...] = ()) -> None:
    """Raises RuleError, in words for the person who chose it. `words`: the account's own names, the
    clinic's: what somebody who knows them tries next.
    """
    if len(password) > MAX_LENGTH:
        raise RuleError(f"A password has at most {MAX_LENGTH} characters.", code="password")
    if len(normal(password)) < shortest:
        raise RuleError(
            f"A password has at least {shortest} characters. A few words do well.", code="password"
        )
    plain = normal(password).casefold()
    bare = "".join(letter for letter in plain if letter.isalnum())
    if plain in COMMON or bare in COMMON or bare.rstrip("0123456789") in COMMON:
        raise RuleError("This is one of the passwords that are tried first. Choose another.", code="password")
    if len(set(plain)) < 5 or _is_run(plain):
        raise RuleError("This repeats or counts. Choose something less regular.", code="password")
    for word in words:
        if len(word) >= 4 and _mostly(bare, word.casefold()):
            raise RuleError("This is close to your own or the clinic's name.", code="password")


def _mostly(password: str, word: str) -> bool:
    """Whether little but the word is in it: less than six characters more."""
    return word in password and len(password.replace(word, "")) < 6


def _is_run(text: str) -> bool:
    """abcdefgh, 87654321."""
    steps = {ord(b) - ord(a) for a, b in pairwise(text)}
    return steps in ({1}, {-1})
