"""Break-glass: `/api/v1/visits/{visit}/breakglass` opens a record, `/api/v1/breakglass` lists and reviews."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from mediaserver.http.api import Api, Call, Operation, Signed
from mediaserver.http.sessions import Millis
from mediaserver.identity.break_glass import LONGEST_REASON, SHORTEST_REASON, Grant, Verdict
from mediaserver.identity.desk import IdentityDesk
from mediaserver.identity.permissions import Permission
from mediaserver.model.audit import AuditEntity


class ReasonBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Why it can't wait, in words that somebody else will read."""

    reason: Annotated[str, Meta(min_length=SHORTEST_REASON, max_length=LONGEST_REASON)]


class ReviewBody(Struct, frozen=True, forbid_unknown_fields=True):
    """What the review came to."""

    verdict: Verdict
    note: Annotated[str, Meta(max_length=LONGEST_REASON)] = ""


class ReviewedQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Which grants."""

    reviewed: Annotated[bool, Meta(description="Those that are reviewed, instead of those that wait.")] = (
        False
    )


class GrantBody(Struct, frozen=True):
    """One opening of a record."""

    id: str
    account: str
    visit: str
    reason: str
    granted_at: Millis
    expires_at: Millis
    reviewed_at: Millis | None
    reviewed_by: str | None
    verdict: Verdict | None
    note: str | None


class GrantList(Struct, frozen=True):
    """Openings of records."""

    grants: list[GrantBody]


class BreakGlassRoutes:
    """Handlers over the desk."""

    def __init__(self, desk: IdentityDesk) -> None:
        self._desk = desk

    def add_to(self, api: Api) -> None:
        """Adds the operations."""
        api.add(_USE, self.use)
        api.add(_LIST, self.list)
        api.add(_REVIEW, self.review)

    async def use(self, call: Call) -> GrantBody:
        """Opens a record."""
        grant = await self._desk.break_glass.use(
            call.actor, call.path["visit"], call.body.reason, request=call.request_id
        )
        return _body(grant)

    async def list(self, call: Call) -> GrantList:
        """Those that wait, or those reviewed."""
        grants = await self._desk.break_glass.list(call.actor, reviewed=call.query.reviewed)
        call.touched(*(AuditEntity("BreakGlass", grant.id) for grant in grants[:50]))
        return GrantList([_body(grant) for grant in grants])

    async def review(self, call: Call) -> GrantBody:
        """Takes one off the list."""
        body: ReviewBody = call.body
        grant = await self._desk.break_glass.review(
            call.actor, call.path["grant"], body.verdict, body.note, request=call.request_id
        )
        return _body(grant)


def _body(grant: Grant) -> GrantBody:
    return GrantBody(
        id=grant.id,
        account=grant.account,
        visit=grant.visit,
        reason=grant.reason.reveal(),
        granted_at=grant.granted_at,
        expires_at=grant.expires_at,
        reviewed_at=grant.reviewed_at,
        reviewed_by=grant.reviewed_by,
        verdict=grant.verdict,
        note=grant.note.reveal(),
    )


_USE = Operation(
    "useBreakGlass",
    "POST",
    "/api/v1/visits/{visit}/breakglass",
    "Open a visit's record in an emergency",
    Signed(Permission.BREAKGLASS_USE),
    status=201,
    body=ReasonBody,
    result=GrantBody,
    audit="breakglass.use",
)
_LIST = Operation(
    "listBreakGlass",
    "GET",
    "/api/v1/breakglass",
    "List openings of records",
    Signed(Permission.BREAKGLASS_REVIEW),
    query=ReviewedQuery,
    result=GrantList,
    audit="breakglass.list",
)
_REVIEW = Operation(
    "reviewBreakGlass",
    "POST",
    "/api/v1/breakglass/{grant}/review",
    "Review an opening of a record",
    Signed(Permission.BREAKGLASS_REVIEW),
    body=ReviewBody,
    result=GrantBody,
    audit="breakglass.review",
)
