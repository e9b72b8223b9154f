"""Plugins over HTTP: their operations behind the one door, their panels and files, and how they do.

/api/v1/visits/{visit}/<plugin>/..   for who signed in        /api/v1/plugins/<plugin>/..  of the clinic
/api/v1/links/{code}/<plugin>/..     for who came by a link   /api/v1/plugins              how they do
/static/plugins/<plugin>/..          panel modules, translations
"""

from __future__ import annotations

import re

import msgspec
from aiohttp import web

from mediaserver.http.api import Access, Api, Call, Handler, LinkHolder, Operation, Signed
from mediaserver.identity.permissions import Permission
from mediaserver.plugins.doors import Door, PluginDoors, patient_of
from mediaserver.plugins.host import PluginHost
from signaling.http import Problem
from workflows.api import Panel, Refusal, Refuse, Scope, Slot

_VISIT = "/api/v1/visits/{visit}"
_LINK = "/j/{code}"  # where the link's cookie goes
_STATUS = {
    Refusal.NOT_FOUND: 404,
    Refusal.FORBIDDEN: 403,
    Refusal.CONFLICT: 409,
    Refusal.INVALID: 422,
    Refusal.TOO_MANY: 429,
    Refusal.UNAVAILABLE: 503,
}
# What of a plugin's folder is for browsers. Not: Python, templates, tests, anything hidden.
_PUBLIC = re.compile(
    r"(?!(?:tests|templates|migrations)/)(?:[A-Za-z0-9_-]+/)*[A-Za-z0-9_-][A-Za-z0-9._-]*"
    r"\.(?:js|css|svg|png|webp|woff2|json|mp3|ogg)"
)


class PluginBody(msgspec.Struct, frozen=True):
    """How a plugin does. `since` is milliseconds since 1970 (UTC)."""

    name: str
    version: str
    condition: str
    since: int
    fault: str | None
    behind: int
    parked: int
    dropped: int


class PluginList(msgspec.Struct, frozen=True):
    """All of them, in the order in which their verdicts count."""

    plugins: list[PluginBody]


class PanelBody(msgspec.Struct, frozen=True):
    """A panel of a page: where its module, its words and its view are. A badge has no module."""

    plugin: str
    panel: str
    slot: Slot
    order: int
    module: str | None
    words: str
    view: str


class PanelList(msgspec.Struct, frozen=True):
    """Those the caller may see, by slot and order."""

    panels: list[PanelBody]


def problem_of(refuse: Refuse) -> Problem:
    """A plugin's refusal as HTTP."""
    status = _STATUS[refuse.why]
    headers = {}
    if status in (429, 503):
        headers["Retry-After"] = str(refuse.retry_after or 5)
    return Problem(status, refuse.code, refuse.message, headers)


def add_plugins(api: Api, host: PluginHost, doors: PluginDoors) -> None:
    """Adds the rows of the table of permissions, then the operations. Raises ValueError for a plugin whose
    rights or paths clash with others'.
    """
    for plugin, rows in doors.permissions().items():
        api.table.add(plugin, rows)
    for door in doors:
        for operation in operations(door):
            api.add(operation, _through(doors, door))
    api.add(
        Operation(
            "listPlugins",
            "GET",
            "/api/v1/plugins",
            "See how the plugins do",
            Signed(Permission.PLUGINS_READ),
            result=PluginList,
            passive=True,
        ),
        _states(host),
    )
    for id, path, access in (
        ("listPanels", _VISIT, Signed(Permission.VISITS_READ)),
        ("listPanelsByLink", _LINK, LinkHolder()),
    ):
        summary = "List the panels that the caller may see"
        operation = Operation(id, "GET", f"{path}/panels", summary, access, result=PanelList)
        api.add(operation, _panels(doors))


def operations(door: Door) -> list[Operation]:
    """One for who signed in, one for who came by a link, as the roles of its permission say."""
    made = []
    prefix = f"{_VISIT}/{door.plugin}" if door.scope is Scope.VISIT else f"/api/v1/plugins/{door.plugin}"
    if door.by_staff:
        made.append(_operation(door, door.id, prefix + door.path, Signed(door.permission)))
    if door.by_link:
        made.append(
            _operation(door, f"{door.id}ByLink", f"{_LINK}/plugins/{door.plugin}{door.path}", LinkHolder())
        )
    return made


def _operation(door: Door, id: str, path: str, access: Access) -> Operation:
    mark = door.mark
    if isinstance(mark, Panel):
        summary = f"See what the panel {mark.name} of {door.plugin} shows"
        return Operation(id, "GET", path, summary, access, result=door.shown, passive=True)
    return Operation(
        id,
        mark.method,
        path,
        door.summary,
        access,
        body=mark.body,
        query=mark.query,
        result=mark.result,
        audit=None if mark.audit is None else f"{door.plugin}.{mark.audit}",
    )


def _through(doors: PluginDoors, door: Door) -> Handler:
    """A handler that opens the door."""

    async def handle(call: Call) -> msgspec.Struct | web.StreamResponse | None:
        path = {name: value for name, value in call.path.items() if name not in ("visit", "code")}
        visit = call.path.get("visit") or call.actor.visit
        try:
            result = await doors.open(
                door,
                call.actor,
                visit,
                body=call.body,
                query=call.query,
                path=path,
                request=call.request_id,
                saw=lambda facts: call.touched(patient=patient_of(facts), visit=facts.id),
            )
        except Refuse as refuse:
            raise problem_of(refuse) from None
        if result is None and isinstance(door.mark, Panel):
            return web.Response(status=204)  # the panel isn't there for them
        return result

    return handle


def _states(host: PluginHost) -> Handler:
    async def handle(_: Call) -> PluginList:
        return PluginList(
            [
                PluginBody(
                    one.name,
                    one.version,
                    one.condition.value,
                    one.since,
                    one.fault,
                    one.behind,
                    one.parked,
                    one.dropped,
                )
                for one in host.states()
            ]
        )

    return handle


def _panels(doors: PluginDoors) -> Handler:
    async def handle(call: Call) -> PanelList:
        by_link = "code" in call.path
        base = f"/j/{call.path['code']}/plugins" if by_link else f"/api/v1/visits/{call.path['visit']}"
        return PanelList([_panel(door, mark, base) for door, mark in doors.panels(call.actor)])

    return handle


def _panel(door: Door, mark: Panel, base: str) -> PanelBody:
    static = f"/static/plugins/{door.plugin}"
    return PanelBody(
        plugin=door.plugin,
        panel=mark.name,
        slot=mark.slot,
        order=mark.order,
        module=None if mark.module is None else f"{static}/{mark.module}",
        words=f"{static}/translations/",
        view=f"{base}/{door.plugin}{door.path}",
    )


class PluginFiles:
    """`/static/plugins/<plugin>/..`. Add it before `/static/{path}` of the pages."""

    def __init__(self, host: PluginHost) -> None:
        self._folders = {
            one.name: one.manifest.folder
            for one in host.found
            if one.manifest is not None and one.manifest.folder is not None
        }

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Adds the route."""
        router.add_get("/static/plugins/{plugin}/{path:.+}", self.serve)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """A file that is there, is of a kind for browsers and stands in the plugin's own folder."""
        folder = self._folders.get(request.match_info["plugin"])
        path = request.match_info["path"]
        if folder is None or _PUBLIC.fullmatch(path) is None:
            raise web.HTTPNotFound
        file = (folder / path).resolve()
        if not file.is_relative_to(folder) or not file.is_file():
            raise web.HTTPNotFound
        return web.FileResponse(file, headers={"Cache-Control": "no-cache"})
