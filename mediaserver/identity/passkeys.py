"""Passkeys (WebAuthn level 3): discoverable, with user verification, so that one is both factors at once.

The relying party is the public host, or `localhost` in development (browsers take no IP literal). No
attestation is asked for: a clinic has no list of models, and the answer would tell devices apart.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import structlog
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from mediaserver.identity import challenges
from mediaserver.identity.accounts import read_account
from mediaserver.identity.errors import CredentialsError, RuleError, StateError
from mediaserver.identity.lockout import charge, give_back
from mediaserver.identity.recording import Recorder, event
from mediaserver.identity.secret_values import new_id, tenant_of
from mediaserver.identity.sessions import Sessions
from mediaserver.identity.sign_in import SignedIn, SignIn, Visitor
from mediaserver.identity.tables import credential
from mediaserver.model.actors import DEFAULT_TENANT, Actor
from mediaserver.model.audit import AuditAction, AuditEntity
from mediaserver.storage import Database, DuplicateError

log = structlog.get_logger(__name__)

_SIGN_IN, _ADD = "passkey", "passkey_add"
_MAX = 20  # of one account
_REFUSED = "This passkey is not known here. Sign in another way."


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """`id` is a host name; `origin` the pages' origin, None in development: any port of `localhost`."""

    id: str = "localhost"
    name: str = "Clinic"
    origin: str | None = None

    @classmethod
    def of(cls, public_url: str | None, name: str) -> RelyingParty:
        """From the address people reach the server by."""
        if public_url is None:
            return cls(name=name)
        parts = urlsplit(public_url)
        return cls(parts.hostname or "localhost", name, f"{parts.scheme}://{parts.netloc}")

    def expected(self, origin: str) -> str:
        """The origin that a browser must have signed, given the one the request came to. CredentialsError."""
        if self.origin is not None:
            return self.origin
        if urlsplit(origin).hostname != self.id:
            raise CredentialsError("Passkeys work at localhost, or at the server's public address.")
        return origin


@dataclass(frozen=True, slots=True)
class PasskeyOptions:
    """For `navigator.credentials`: the public key options (JSON), and the challenge's token."""

    challenge: str
    options: dict[str, Any]


class Passkeys:
    """Adds passkeys to accounts and signs in by them."""

    def __init__(
        self,
        database: Database,
        recorder: Recorder,
        sessions: Sessions,
        sign_in: SignIn,
        party: RelyingParty,
    ) -> None:
        self._database = database
        self._recorder = recorder
        self._sessions = sessions
        self._sign_in = sign_in
        self._party = party

    async def begin_adding(self, actor: Actor) -> PasskeyOptions:
        """Options for `credentials.create`. Raises StaleError, StateError."""
        await self._sessions.require_fresh(actor)
        async with self._database.unit(actor) as unit:
            found = await read_account(unit, actor.id)
            mine = (credential.c.account == actor.id) & (credential.c.kind == "passkey")
            held = await unit.rows(unit.of(credential).where(mine))
            if len(held) >= _MAX:
                raise StateError("This account has many passkeys. Remove one first.")
            options = generate_registration_options(
                rp_id=self._party.id,
                rp_name=self._party.name,
                user_id=actor.id.encode(),
                user_name=found.username.reveal(),
                user_display_name=found.name.reveal(),
                authenticator_selection=AuthenticatorSelectionCriteria(
                    resident_key=ResidentKeyRequirement.REQUIRED,
                    require_resident_key=True,
                    user_verification=UserVerificationRequirement.REQUIRED,
                ),
                exclude_credentials=[
                    PublicKeyCredentialDescriptor(id=base64url_to_bytes(row.external_id)) for row in held
                ],
            )
            data = {"challenge": bytes_to_base64url(options.challenge)}
            token = await challenges.ask(unit, _ADD, account=actor.id, data=data)
        return PasskeyOptions(token, json.loads(options_to_json(options)))

    async def add(
        self,
        actor: Actor,
        token: str,
        answer: Mapping[str, Any],
        *,
        origin: str,
        label: str,
        request: str | None = None,
    ) -> str:
        """Keeps a new passkey; gives its id. Raises CredentialsError, RuleError, StateError."""
        expected = self._party.expected(origin)
        try:
            async with self._database.unit(actor) as unit:
                asked = await challenges.spend(unit, _ADD, token)
                if asked.account != actor.id:
                    raise CredentialsError(challenges.AGAIN)
                try:
                    verified = verify_registration_response(
                        credential=dict(answer),
                        expected_challenge=base64url_to_bytes(asked.data["challenge"]),
                        expected_rp_id=self._party.id,
                        expected_origin=expected,
                        require_user_verification=True,
                    )
                except (WebAuthnException, ValueError, KeyError, TypeError) as error:
                    log.info("passkey.not_added", reason=type(error).__name__)
                    raise RuleError("The browser's answer is not a passkey for this server.") from None
                id = new_id("c")
                await unit.insert(
                    credential,
                    id=id,
                    account=actor.id,
                    kind="passkey",
                    label=label.strip()[:64] or "Passkey",
                    external_id=bytes_to_base64url(verified.credential_id),
                    secret=verified.credential_public_key,
                    counter=verified.sign_count,
                    created_at=unit.now,
                    confirmed_at=unit.now,
                )
                self._recorder.record(
                    unit,
                    event(
                        actor,
                        "credential.add",
                        AuditAction.CREATE,
                        account=actor.id,
                        entity=AuditEntity("Credential", id),
                        request=request,
                        detail={"kind": "passkey"},
                    ),
                )
                return id
        except DuplicateError:
            raise StateError("This passkey is in use already.") from None

    async def begin_sign_in(self, clinic: str | None, visitor: Visitor) -> PasskeyOptions:
        """Options for `credentials.get`; nobody is named, the browser offers what it has."""
        tenant = await self._sign_in.tenant(clinic) or DEFAULT_TENANT
        options = generate_authentication_options(
            rp_id=self._party.id, user_verification=UserVerificationRequirement.REQUIRED
        )
        async with self._database.unit(Actor.anonymous(tenant, visitor.address)) as unit:
            data = {"challenge": bytes_to_base64url(options.challenge)}
            token = await challenges.ask(unit, _SIGN_IN, data=data)
        return PasskeyOptions(token, json.loads(options_to_json(options)))

    async def sign_in(
        self, token: str, answer: Mapping[str, Any], *, origin: str, visitor: Visitor
    ) -> SignedIn:
        """Raises CredentialsError, LockedError."""
        tenant = tenant_of(token)
        expected = self._party.expected(origin)
        if tenant is None:
            raise CredentialsError(challenges.AGAIN)
        actor = Actor.anonymous(tenant, visitor.address)
        counters = self._sign_in.address_counters(visitor)
        async with self._database.unit(actor) as unit:  # spent whatever comes of it
            await charge(unit, counters)
            asked = await challenges.spend(unit, _SIGN_IN, token)
            row = await unit.row(
                unit.of(credential).where(
                    credential.c.external_id == _external_id(answer), credential.c.kind == "passkey"
                )
            )
        try:
            if row is None or _user_handle(answer) not in (None, row.account):
                raise CredentialsError(_REFUSED)
            verified = verify_authentication_response(
                credential=dict(answer),
                expected_challenge=base64url_to_bytes(asked.data["challenge"]),
                expected_rp_id=self._party.id,
                expected_origin=expected,
                credential_public_key=row.secret,
                credential_current_sign_count=row.counter,
                require_user_verification=True,
            )
        except (WebAuthnException, CredentialsError, ValueError, KeyError, TypeError) as error:
            log.info("passkey.refused", reason=type(error).__name__)
            await self._sign_in.fail(actor, "passkey", row.account if row is not None else None, visitor)
            raise CredentialsError(_REFUSED) from None
        async with self._database.unit(actor) as unit:
            await give_back(unit, counters)
            # A counter that went on meanwhile is a clone's, or the same answer sent twice (section 6.1.1).
            same = (credential.c.id == row.id) & (credential.c.counter == row.counter)
            if await unit.update(credential, same, counter=verified.new_sign_count, used_at=unit.now) != 1:
                raise CredentialsError(_REFUSED)
            return await self._sign_in.admit(unit, row.account, "passkey", visitor)


def _external_id(answer: Mapping[str, Any]) -> str:
    """The credential id in our spelling: base64url without padding."""
    raw = answer.get("rawId", answer.get("id"))
    if not isinstance(raw, str):
        raise CredentialsError(_REFUSED)
    try:
        return urlsafe_b64encode(base64url_to_bytes(raw)).decode().rstrip("=")
    except ValueError:
        raise CredentialsError(_REFUSED) from None


def _user_handle(answer: Mapping[str, Any]) -> str | None:
    response = answer.get("response")
    handle = response.get("userHandle") if isinstance(response, Mapping) else None
    if handle is None or handle == "":
        return None
    try:
        return base64url_to_bytes(handle).decode()
    except (ValueError, TypeError, AttributeError):
        return ""  # nobody's
