"""All routes of identity, added to the api at once."""

from __future__ import annotations

from mediaserver.http.accounts import AccountRoutes
from mediaserver.http.api import Api
from mediaserver.http.break_glass import BreakGlassRoutes
from mediaserver.http.credentials import CredentialRoutes
from mediaserver.http.developer_keys import DeveloperKeyRoutes
from mediaserver.http.development import DevelopmentRoutes
from mediaserver.http.oidc import OidcRoutes
from mediaserver.http.sessions import SessionRoutes
from mediaserver.identity.desk import IdentityDesk


def add_identity(api: Api, desk: IdentityDesk, *, public_url: str | None = None) -> None:
    """`public_url`: how browsers reach the server, for the way back from the OpenID provider."""
    SessionRoutes(desk).add_to(api)
    CredentialRoutes(desk).add_to(api)
    AccountRoutes(desk).add_to(api)
    BreakGlassRoutes(desk).add_to(api)
    DeveloperKeyRoutes(desk).add_to(api)
    if desk.oidc is not None:
        OidcRoutes(desk, desk.oidc, public_url).add_to(api)
    if desk.development is not None:
        DevelopmentRoutes(desk, desk.development).add_to(api)
