"""Everything of identity over one database, made from the rules: what the wiring hands to the doors."""

from __future__ import annotations

from dataclasses import dataclass

from mediaserver.identity.accounts import Accounts
from mediaserver.identity.break_glass import BreakGlass, FindVisit
from mediaserver.identity.credentials import Credentials
from mediaserver.identity.developer_keys import DeveloperKeys
from mediaserver.identity.oidc import OidcSignIn
from mediaserver.identity.oidc_provider import Provider, Transport
from mediaserver.identity.passkeys import Passkeys, RelyingParty
from mediaserver.identity.passwords import Passwords
from mediaserver.identity.permissions import PermissionTable
from mediaserver.identity.recording import Recorder
from mediaserver.identity.recovery import Recovery
from mediaserver.identity.rules import IdentityRules
from mediaserver.identity.sealing import Seal
from mediaserver.identity.sessions import Sessions
from mediaserver.identity.sign_in import DevelopmentSignIn, SignIn
from mediaserver.model.clock import Clock
from mediaserver.storage import Database


@dataclass(frozen=True, slots=True)
class IdentityDesk:
    """The services. `sessions.watch()` runs beside the server; `close` at its end."""

    rules: IdentityRules
    table: PermissionTable
    sessions: Sessions
    passwords: Passwords
    sign_in: SignIn
    accounts: Accounts
    credentials: Credentials
    recovery: Recovery
    passkeys: Passkeys
    keys: DeveloperKeys
    break_glass: BreakGlass
    oidc: OidcSignIn | None

    @property
    def development(self) -> DevelopmentSignIn | None:
        """The door without proof; None outside development."""
        return self.sign_in if isinstance(self.sign_in, DevelopmentSignIn) else None

    def close(self) -> None:
        """Ends threads."""
        self.passwords.close()


def open_desk(
    database: Database,
    recorder: Recorder,
    clock: Clock,
    rules: IdentityRules,
    *,
    seal: Seal,
    find_visit: FindVisit,
    table: PermissionTable | None = None,
    party: RelyingParty | None = None,
    transport: Transport | None = None,
    development: bool = False,
) -> IdentityDesk:
    """Wires the services. `transport` is needed when the rules name an OpenID provider."""
    table = table or PermissionTable()
    sessions = Sessions(database, recorder, rules, clock)
    passwords = Passwords(rules.argon2)
    kind = DevelopmentSignIn if development else SignIn
    sign_in = kind(database, recorder, sessions, passwords, seal, rules)
    oidc = None
    if rules.oidc is not None:
        if transport is None:
            raise ValueError("an OpenID provider needs a transport")
        provider = Provider(rules.oidc, transport, clock)
        oidc = OidcSignIn(database, recorder, sessions, sign_in, provider, rules.oidc, clock)
    return IdentityDesk(
        rules=rules,
        table=table,
        sessions=sessions,
        passwords=passwords,
        sign_in=sign_in,
        accounts=Accounts(database, recorder, sessions),
        credentials=Credentials(database, recorder, sessions, passwords, sign_in, rules),
        recovery=Recovery(database, recorder, sessions, passwords, sign_in, rules),
        passkeys=Passkeys(database, recorder, sessions, sign_in, party or RelyingParty(name=rules.clinic)),
        keys=DeveloperKeys(database, recorder, table),
        break_glass=BreakGlass(database, recorder, rules, find_visit),
        oidc=oidc,
    )
