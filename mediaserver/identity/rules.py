"""How strict identity is: what `identity:` of the settings says, in the words of this package."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mediaserver.identity.lockout import LockoutRule
from mediaserver.identity.passwords import Argon2
from mediaserver.model.roles import Role


@dataclass(frozen=True, slots=True)
class OidcRules:
    """One OpenID provider. `roles` maps a value of the claim `roles_claim` to a role of ours; who has none
    of them is not let in. `tenant_claim`: the claim that names the clinic, where one provider serves several.
    """

    issuer: str
    client_id: str
    client_secret: str
    roles: Mapping[str, Role]
    roles_claim: str = "roles"
    tenant_claim: str | None = None
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    # Hosts besides the issuer's own that its endpoints may be on (some keep keys elsewhere).
    hosts: frozenset[str] = frozenset()
    # acr or amr values that count as a second factor; none: the provider is trusted to have asked for it.
    second_factor: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class IdentityRules:
    """Times in seconds."""

    idle: float = 15 * 60
    absolute: float = 12 * 3600
    fresh: float = 15 * 60  # how long after signing in one may change what one signs in with
    sessions: int = 20  # at a time, of one account
    second_factor: bool = True
    password_length: int | None = None
    recovery: float = 24 * 3600
    breakglass: float = 60 * 60
    account_lockout: LockoutRule = field(default_factory=LockoutRule)
    address_lockout: LockoutRule = field(default_factory=lambda: LockoutRule(free=50, first=10.0))
    argon2: Argon2 = field(default_factory=Argon2)
    oidc: OidcRules | None = None
    clinic: str = "Clinic"

    @property
    def shortest_password(self) -> int:
        """NIST SP 800-63B-4 section 3.1.1.2: 15 when it is all there is, 8 beside a second factor; we ask
        for 10 there.
        """
        return self.password_length or (10 if self.second_factor else 15)
