"""The OpenID provider as we see it: its metadata, its keys, its endpoints, and how far it is trusted.

Only the configured issuer's host (and hosts named beside it) is ever asked, by https unless it is this very
machine: neither metadata nor a token can send the server to another address (SSRF). Metadata and keys are
kept for a while; a token signed by an unknown key has the keys fetched anew, at most once a minute, so that
a rotation is followed and a stream of forged tokens is not passed on to the provider.
"""

from __future__ import annotations

import asyncio
import ipaddress
from base64 import b64encode
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import quote_plus, urlsplit

import structlog
from joserfc import jwk
from joserfc.errors import JoseError

from mediaserver.identity.errors import BusyError
from mediaserver.identity.rules import OidcRules
from mediaserver.model.clock import Clock

log = structlog.get_logger(__name__)

_METADATA_LIFE = 3600.0  # seconds
_KEYS_LIFE = 3600.0
_REFETCH = 60.0
_AWAY = "The sign-in service can't be reached. Try again, or sign in another way."


class TransportError(Exception):
    """The provider did not answer, or not with JSON."""


class Transport(Protocol):
    """HTTP to the provider; follows no redirect, reads a bounded answer in bounded time."""

    async def get(self, url: str) -> Mapping[str, Any]:
        """A JSON object. Raises TransportError."""
        ...

    async def post(
        self, url: str, form: Mapping[str, str], headers: Mapping[str, str]
    ) -> tuple[int, Mapping[str, Any]]:
        """Status and JSON object of a form sent. Raises TransportError."""
        ...


class Provider:
    """One issuer."""

    def __init__(self, rules: OidcRules, transport: Transport, clock: Clock) -> None:
        self._rules = rules
        self._transport = transport
        self._clock = clock
        self._metadata: Mapping[str, Any] | None = None
        self._metadata_at = 0.0
        self._keys: list[jwk.Key] = []
        self._keys_at: float | None = None
        self._fetching = asyncio.Lock()
        if not may_ask(rules.issuer):
            raise ValueError("the issuer is an https URL (http only on this machine)")

    def allowed(self, url: object) -> bool:
        """Whether the server may talk to this address at all."""
        if not isinstance(url, str) or not may_ask(url):
            return False
        parts, issuer = urlsplit(url), urlsplit(self._rules.issuer)
        home = (issuer.scheme, issuer.hostname, issuer.port)
        if (parts.scheme, parts.hostname, parts.port) == home:
            return True
        return parts.scheme == "https" and parts.hostname in self._rules.hosts and parts.port in (None, 443)

    async def endpoint(self, name: str) -> str:
        """A URL of the metadata. Raises BusyError."""
        url = (await self._read_metadata()).get(name)
        if not self.allowed(url):
            log.error("oidc.endpoint_refused", endpoint=name)
            raise BusyError(_AWAY)
        return str(url)

    async def sends_iss(self) -> bool:
        """Whether its answers name it (RFC 9207)."""
        return (await self._read_metadata()).get("authorization_response_iss_parameter_supported") is True

    async def key(self, kid: str | None, algorithm: str) -> jwk.Key | None:
        """The public key of that id; None when it has none such. Raises BusyError."""
        found = self._find(kid, algorithm)
        now = self._clock.monotonic()
        age = None if self._keys_at is None else now - self._keys_at
        if age is None or age > _KEYS_LIFE or (found is None and age > _REFETCH):
            await self._fetch_keys()
            found = self._find(kid, algorithm)
        return found

    async def redeem(self, code: str, redirect_uri: str, verifier: str) -> Mapping[str, Any] | None:
        """The token response for a code (RFC 6749 section 4.1.3, RFC 7636); None when it is refused."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        # RFC 6749 section 2.3.1: both are form-encoded before they are put together.
        pair = f"{quote_plus(self._rules.client_id)}:{quote_plus(self._rules.client_secret)}"
        headers = {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}
        url = await self.endpoint("token_endpoint")
        try:
            status, answer = await self._transport.post(url, form, headers)
        except TransportError as error:
            log.warning("oidc.unreachable", reason=str(error))
            raise BusyError(_AWAY) from None
        if status != 200:
            log.info("oidc.code_refused", status=status)
            return None
        return answer

    def _find(self, kid: str | None, algorithm: str) -> jwk.Key | None:
        """By id; a token without one is for a provider with one key of the kind (RFC 7517 section 4.5)."""
        kind = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}[algorithm[:2]]
        fit = [key for key in self._keys if key.key_type == kind and key.get("use", "sig") == "sig"]
        fit = [key for key in fit if key.get("alg", algorithm) == algorithm]
        if kid is None:
            return fit[0] if len(fit) == 1 else None
        return next((key for key in fit if key.kid == kid), None)

    async def _read_metadata(self) -> Mapping[str, Any]:
        async with self._fetching:
            now = self._clock.monotonic()
            if self._metadata is not None and now - self._metadata_at < _METADATA_LIFE:
                return self._metadata
            url = self._rules.issuer.rstrip("/") + "/.well-known/openid-configuration"
            try:
                metadata = await self._transport.get(url)
            except TransportError as error:
                log.warning("oidc.unreachable", reason=str(error))
                if self._metadata is not None:
                    return self._metadata
                raise BusyError(_AWAY) from None
            # OpenID Connect Discovery section 4.3: exactly the issuer that was asked.
            if metadata.get("issuer") != self._rules.issuer:
                log.error("oidc.other_issuer")
                raise BusyError(_AWAY)
            self._metadata, self._metadata_at = metadata, now
            return metadata

    async def _fetch_keys(self) -> None:
        url = await self.endpoint("jwks_uri")
        try:
            entries = (await self._transport.get(url)).get("keys")
        except TransportError as error:
            log.warning("oidc.unreachable", reason=str(error))
            if self._keys_at is None:
                raise BusyError(_AWAY) from None
            return
        keys = []
        for entry in entries if isinstance(entries, list) else []:
            try:
                # `d` and `k` have no place in a published set; a shared secret would make us an oracle.
                if isinstance(entry, dict) and entry.get("kty") in ("RSA", "EC", "OKP"):
                    keys.append(jwk.import_key({name: v for name, v in entry.items() if name != "d"}))
            except (JoseError, ValueError, TypeError):
                continue  # a kind that we don't know stands beside those that we do
        self._keys, self._keys_at = keys, self._clock.monotonic()


def may_ask(url: str) -> bool:
    """Whether a URL is https, or http to this very machine, and names no user."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    if not parts.hostname or parts.username is not None or parts.password is not None:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname))


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
