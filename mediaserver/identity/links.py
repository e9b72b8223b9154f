"""Join links: a code bound to one purpose and one person, until it expires or is revoked.

The code is in the link and nowhere else: the data folder holds its SHA-256 as a file name, so a stolen
backup opens no door. Reading a link changes nothing, so neither a reload nor a mail scanner burns it.
Opening the page exchanges the code (by POST) for a cookie that is good for this link's endpoint alone:
a signed statement with an audience of its own, which no other door takes for a token.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from pathlib import Path

import msgspec

from mediaserver.identity.files import private_folder, write_private
from mediaserver.identity.tokens import ISSUER, Tokens
from mediaserver.model.clock import Clock
from mediaserver.model.grants import Person, grants_for
from mediaserver.model.ids import LinkCode, RoomName, new_link_code
from mediaserver.model.pii import Pii
from mediaserver.model.roles import Role

JOIN = "join"
SESSION_AUDIENCE = "mediaserver:link"
MAX_SESSION = 24 * 3600


class LinkError(Exception):
    """The link opens nothing."""


class LinkUnknownError(LinkError):
    """No such link; a wrong code looks like this."""


class LinkExpiredError(LinkError):
    """It was good once: expired or revoked."""


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """What a link stands for. Times are seconds since 1970 (UTC)."""

    purpose: str
    room: str
    identity: str
    name: str
    role: Role
    created_at: float
    expires_at: float
    revoked_at: float | None = None

    def person(self) -> Person:
        """The person the link was made for."""
        room = RoomName(self.room)
        return Person(
            identity=self.identity,
            name=Pii(self.name),
            role=self.role,
            grants=grants_for(self.role, room),
            expires_at=self.expires_at,
        )


class Links:
    """The links of a data folder. A command line beside a running server uses the same folder."""

    def __init__(self, folder: Path, tokens: Tokens, clock: Clock) -> None:
        self._folder = folder
        self._tokens = tokens
        self._clock = clock

    def create(
        self, *, room: RoomName, identity: str, name: str, role: Role, ttl: float, purpose: str = JOIN
    ) -> LinkCode:
        """A new link; its code is given once and not kept."""
        now = self._clock.wall()
        code = new_link_code()
        link = Link(
            purpose=purpose,
            room=room,
            identity=identity,
            name=name,
            role=role,
            created_at=now,
            expires_at=now + ttl,
        )
        private_folder(self._folder)
        write_private(self._path(link_id(code)), msgspec.json.encode(link))
        return code

    def resolve(self, code: str, purpose: str = JOIN) -> Link:
        """The link of a code. Raises LinkUnknownError (also for another purpose), LinkExpiredError."""
        return self._good(link_id(code), purpose)

    def open_session(self, code: str, purpose: str = JOIN) -> tuple[Link, str, float]:
        """Exchanges a code for a session: the link, the cookie's value, its life in seconds."""
        link = self.resolve(code, purpose)
        now = self._clock.wall()
        ttl = min(link.expires_at - now, MAX_SESSION)
        claims = {
            "iss": ISSUER,
            "aud": SESSION_AUDIENCE,
            "sub": link_id(code),
            "jti": secrets.token_urlsafe(12),
            "iat": int(now),
            "exp": int(now + ttl) + 1,
        }
        return link, self._tokens.sign(claims), ttl

    def session(self, code: str, cookie: str, purpose: str = JOIN) -> Link:
        """The link behind a cookie that was given for this very code; a revoked link ends it at once."""
        claims = self._tokens.check(cookie, SESSION_AUDIENCE)
        if claims is None or claims.get("sub") != link_id(code):
            raise LinkUnknownError
        return self._good(link_id(code), purpose)

    def revoke(self, id_or_code: str) -> int:
        """Revokes by code, or by the beginning (8 characters or more) of the id that `list` shows.
        Gives how many were revoked.
        """
        wanted = [i for i, _ in self.list() if i == link_id(id_or_code)]
        if not wanted and len(id_or_code) >= 8:
            wanted = [i for i, _ in self.list() if i.startswith(id_or_code)]
        for link in wanted:
            content = self._read(link)
            if content.revoked_at is None:
                revoked = msgspec.structs.replace(content, revoked_at=self._clock.wall())
                write_private(self._path(link), msgspec.json.encode(revoked))
        return len(wanted)

    def list(self) -> Iterator[tuple[str, Link]]:
        """Ids (hashes of the codes) and links, oldest first."""
        if not self._folder.is_dir():
            return
        links = [(path.stem, self._read(path.stem)) for path in self._folder.glob("*.json")]
        yield from sorted(links, key=lambda item: item[1].created_at)

    def _good(self, link: str, purpose: str) -> Link:
        content = self._read(link)
        if content.purpose != purpose:
            raise LinkUnknownError
        if content.revoked_at is not None or self._clock.wall() >= content.expires_at:
            raise LinkExpiredError
        return content

    def _read(self, link: str) -> Link:
        try:
            return msgspec.json.decode(self._path(link).read_bytes(), type=Link)
        except (OSError, msgspec.MsgspecError):
            raise LinkUnknownError from None

    def _path(self, link: str) -> Path:
        return self._folder / f"{link}.json"


def link_id(code: str) -> str:
    """What a link is called in files and lists: SHA-256 of its code, in hex. A hash of any input is a
    safe file name, so a code needs no checking against path traversal.
    """
    return hashlib.sha256(code.encode(errors="surrogatepass")).hexdigest()
