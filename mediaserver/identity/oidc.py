"""Signing in at the clinic's own OpenID provider: authorization code with PKCE (RFC 7636, S256), state bound
to the browser, nonce, `iss` (RFC 9207).

    start     nonce and verifier stay here, in a challenge whose token is the browser's cookie; the state is
              a hash of that cookie, so an answer that another browser asked for is of no use in this one
    finish    state, iss, code -> tokens -> ID token verified -> account of (iss, sub), roles from its claims

Accounts are found by issuer and subject alone. An account of the same mail address is not taken over: mail
is what somebody says of themselves.
"""

from __future__ import annotations

import hmac
import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

import structlog
from joserfc import jwt
from joserfc.errors import JoseError

from mediaserver.identity import challenges
from mediaserver.identity.accounts import MAX_TEXT, create_account, read_account, set_roles
from mediaserver.identity.errors import CredentialsError
from mediaserver.identity.oidc_provider import Provider
from mediaserver.identity.recording import Recorder, event
from mediaserver.identity.rules import OidcRules
from mediaserver.identity.secret_values import digest, tenant_of, username
from mediaserver.identity.sessions import DISABLED, Sessions
from mediaserver.identity.sign_in import SignedIn, SignIn, Visitor
from mediaserver.identity.tables import account
from mediaserver.model.actors import Actor, TenantId
from mediaserver.model.audit import AuditAction
from mediaserver.model.clock import Clock
from mediaserver.model.roles import Role
from mediaserver.storage import Database, Unit

log = structlog.get_logger(__name__)

# Asymmetric alone: a provider's client secret must not be able to sign as the provider.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA")
LEEWAY = 60  # seconds between the provider's clock and ours
MAX_TOKEN = 16 * 1024
_KIND = "oidc"
_REFUSED = "The sign-in service's answer is not good. Begin again."


@dataclass(frozen=True, slots=True)
class Started:
    """Where to send the browser, and what its cookie holds meanwhile."""

    url: str
    cookie: str


@dataclass(frozen=True, slots=True)
class Finished:
    """Signed in, and the page they came from."""

    signed_in: SignedIn
    return_to: str


class OidcSignIn:
    """The two halves of it."""

    def __init__(
        self,
        database: Database,
        recorder: Recorder,
        sessions: Sessions,
        sign_in: SignIn,
        provider: Provider,
        rules: OidcRules,
        clock: Clock,
    ) -> None:
        self._database = database
        self._recorder = recorder
        self._sessions = sessions
        self._sign_in = sign_in
        self._provider = provider
        self._rules = rules
        self._clock = clock

    async def start(self, clinic: str | None, redirect_uri: str, return_to: str, visitor: Visitor) -> Started:
        """Raises BusyError when the provider is away, CredentialsError for a clinic that isn't there."""
        endpoint = await self._provider.endpoint("authorization_endpoint")
        tenant = await self._sign_in.tenant(clinic)
        if tenant is None:
            raise CredentialsError("There is no such clinic.")
        verifier, nonce = secrets.token_urlsafe(48), secrets.token_urlsafe(24)
        data = {
            "verifier": verifier,
            "nonce": nonce,
            "redirect_uri": redirect_uri,
            "return_to": local_path(return_to),
        }
        async with self._database.unit(Actor.anonymous(tenant, visitor.address)) as unit:
            cookie = await challenges.ask(unit, _KIND, data=data)
        query = {
            "response_type": "code",
            "client_id": self._rules.client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(self._rules.scopes),
            "state": _state(cookie),
            "nonce": nonce,
            "code_challenge": _base64url(sha256(verifier.encode()).digest()),
            "code_challenge_method": "S256",
        }
        return Started(f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}", cookie)

    async def finish(
        self, cookie: str | None, *, state: str, code: str | None, iss: str | None, visitor: Visitor
    ) -> Finished:
        """Raises CredentialsError for anything that is not right, BusyError when the provider is away."""
        tenant = None if cookie is None else tenant_of(cookie)
        if cookie is None or tenant is None or not hmac.compare_digest(_state(cookie), state):
            raise CredentialsError(_REFUSED)
        actor = Actor.anonymous(tenant, visitor.address)
        async with self._database.unit(actor) as unit:
            asked = (await challenges.spend(unit, _KIND, cookie)).data
        if code is None or iss != (self._rules.issuer if await self._provider.sends_iss() else iss):
            raise await self._refuse(actor, "answer", visitor)
        if iss is not None and iss != self._rules.issuer:
            raise await self._refuse(actor, "iss", visitor)
        tokens = await self._provider.redeem(code, asked["redirect_uri"], asked["verifier"])
        claims = None if tokens is None else await self._verified(tokens.get("id_token"), asked["nonce"])
        if claims is None:
            raise await self._refuse(actor, "token", visitor)
        roles = self._roles(claims)
        if not roles or not self._is_here(claims, tenant):
            raise await self._refuse(actor, "roles", visitor)
        if not self._strong(claims):
            raise await self._refuse(actor, "second_factor", visitor)
        async with self._database.unit(actor) as unit:
            owner = await self._account(unit, claims, roles)
            if (await read_account(unit, owner)).disabled_at is None:
                return Finished(await self._sign_in.admit(unit, owner, "oidc", visitor), asked["return_to"])
        raise await self._refuse(actor, DISABLED, visitor, owner)

    async def _refuse(
        self, actor: Actor, why: str, visitor: Visitor, owner: str | None = None
    ) -> CredentialsError:
        log.info("oidc.refused", reason=why)
        await self._sign_in.fail(actor, "oidc", owner, visitor)
        return CredentialsError(
            "Your account has no role here. Ask an administrator." if why == "roles" else _REFUSED
        )

    async def _verified(self, token: object, nonce: str) -> Mapping[str, Any] | None:
        """The claims of an ID token that is the provider's, for us, now, for this very sign-in (OpenID
        Connect Core section 3.1.3.7); None otherwise.
        """
        if not isinstance(token, str) or len(token) > MAX_TOKEN or not token.isascii():
            return None
        try:
            head = token.split(".", 1)[0]
            header = json.loads(urlsafe_b64decode(head + "=" * (-len(head) % 4)))
            algorithm, kid = header["alg"], header.get("kid")
            if algorithm not in ALGORITHMS or not isinstance(kid, str | None):
                raise ValueError("alg or kid")
            key = await self._provider.key(kid, algorithm)
            if key is None:
                raise ValueError("key")
            claims = jwt.decode(token, key, algorithms=[algorithm]).claims
            jwt.JWTClaimsRegistry(
                now=int(self._clock.wall()),
                leeway=LEEWAY,
                iss={"essential": True, "value": self._rules.issuer},
                aud={"essential": True, "value": self._rules.client_id},
                sub={"essential": True},
                exp={"essential": True},
                iat={"essential": True},
                nonce={"essential": True, "value": nonce},
            ).validate(claims)
            audience = claims["aud"]
            several = isinstance(audience, list) and len(audience) > 1
            if claims.get("azp", None if several else self._rules.client_id) != self._rules.client_id:
                raise ValueError("azp")
            if not isinstance(claims["sub"], str) or not 0 < len(claims["sub"]) <= 255:
                raise ValueError("sub")
        except (JoseError, ValueError, KeyError, TypeError, RecursionError) as error:
            log.info("oidc.token_refused", reason=getattr(error, "error", type(error).__name__))
            return None
        return claims

    def _roles(self, claims: Mapping[str, Any]) -> frozenset[Role]:
        found = _claim(claims, self._rules.roles_claim)
        values = found if isinstance(found, list) else [found]
        return frozenset(
            self._rules.roles[value]
            for value in values
            if isinstance(value, str) and value in self._rules.roles
        )

    def _is_here(self, claims: Mapping[str, Any], tenant: TenantId) -> bool:
        if self._rules.tenant_claim is None:
            return True
        found = _claim(claims, self._rules.tenant_claim)
        return tenant in found if isinstance(found, list) else found == tenant

    def _strong(self, claims: Mapping[str, Any]) -> bool:
        wanted = set(self._rules.second_factor)
        amr = claims.get("amr")
        given = {claims.get("acr"), *(amr if isinstance(amr, list) else [])}
        return not wanted or not wanted.isdisjoint(one for one in given if isinstance(one, str))

    async def _account(self, unit: Unit, claims: Mapping[str, Any], roles: frozenset[Role]) -> str:
        """The account of (iss, sub), made at the first sign-in. Its roles are the provider's to say."""
        subject = f"{claims['iss']}|{claims['sub']}"
        row = await unit.row(unit.of(account).where(account.c.subject == subject))
        actor = Actor.anonymous(unit.tenant)
        if row is not None:
            if (await read_account(unit, row.id)).roles != roles:
                await set_roles(unit, row.id, roles)
                detail = {"fields": "roles", "by": "oidc"}
                change = event(actor, "account.change", AuditAction.UPDATE, account=row.id, detail=detail)
                self._recorder.record(unit, change)
            return str(row.id)
        email = _words(claims.get("email"))
        wanted = _words(claims.get("preferred_username")) or email or f"user {digest(subject)[:8]}"
        taken = unit.of(account).where(account.c.username == username(wanted))
        if await unit.row(taken) is not None:
            wanted = f"{wanted[: MAX_TEXT - 10]} ({digest(subject)[:6]})"
        name = _words(claims.get("name")) or wanted
        id = await create_account(unit, name, wanted, roles, email, subject)
        made = event(actor, "account.create", AuditAction.CREATE, account=id, detail={"by": "oidc"})
        self._recorder.record(unit, made)
        return id


def local_path(path: str) -> str:
    """A path of this server to go back to, or the front page for anything else (an open redirect)."""
    plain = path.isascii() and path.isprintable() and "\\" not in path and len(path) <= 512
    return path if plain and path.startswith("/") and not path.startswith("//") else "/"


def _state(cookie: str) -> str:
    return digest(f"state {cookie}")


def _claim(claims: Mapping[str, Any], path: str) -> Any:
    """A claim by its name, or by a path such as `realm_access.roles`."""
    if path in claims:
        return claims[path]
    found: Any = claims
    for part in path.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _words(value: object) -> str | None:
    """Text of a claim as our columns take it, or None."""
    if not isinstance(value, str):
        return None
    clean = "".join(letter for letter in value if letter.isprintable()).strip()[:MAX_TEXT].strip()
    return clean or None


def _base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")
