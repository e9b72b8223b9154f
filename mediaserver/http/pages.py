"""Pages, their files and the SDK, from the `web` folder."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import jinja2
from aiohttp import web

from mediaserver.identity.links import LinkError, Links
from mediaserver.model.roles import HOSTS

WEB = Path(__file__).resolve().parents[2] / "web"

# What of the folder is for browsers. The rest is tools, tests and packages.
_FOLDERS = ("sdk/src", "sdk/dist", "shared", "join", "console", "signin", "start", "dashboard")
_PUBLIC = re.compile(
    rf"(?:{'|'.join(_FOLDERS)})/"
    r"(?:[A-Za-z0-9_-][A-Za-z0-9._-]*/)*[A-Za-z0-9_-][A-Za-z0-9._-]*"
    r"\.(?:js|mjs|css|svg|png|webp|ico|woff2|json|webmanifest|map|mp3|ogg|wav|txt)"
)
_SDK_SOURCE = 'export * from "/static/sdk/src/index.js";\n'


class Pages:
    """`/`, `/j/{code}`, `/static/...`, `/sdk/...`. Reading a page changes nothing."""

    def __init__(
        self, links: Links, clinic: str, folder: Path = WEB, *, demo: bool = False, oidc: str = ""
    ) -> None:
        """`demo`: there is a start page to play the invented clinic. `oidc`: how the clinic's own sign-in is
        called on its button, empty where there is none.
        """
        self._demo = demo
        self._oidc = oidc
        self._links = links
        self._clinic = clinic
        self._folder = folder
        self._version = _fingerprint(folder)
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(folder), autoescape=True, undefined=jinja2.StrictUndefined
        )

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Adds the routes."""
        router.add_get("/", self.home)
        router.add_get("/j/{code}", self.join)
        router.add_get("/console", self.console)
        router.add_get("/signin", self.signin)
        if self._demo:
            router.add_get("/start", self.start)
        router.add_get("/static/{path:.+}", self.static)
        router.add_get("/sdk/mediaserver.js", self.sdk)
        router.add_get("/favicon.ico", self.favicon)

    async def home(self, _: web.Request) -> web.Response:
        """Who has no link sees how to get one."""
        return self._page("join", code="")

    async def join(self, request: web.Request) -> web.Response:
        """The page of a join link: the console for those who run the visit, else the patient's."""
        code = request.match_info["code"]
        try:
            host = self._links.resolve(code).role in HOSTS
        except LinkError:
            host = False  # the page learns why when it opens the session, and says so in plain words
        return self._page("console" if host else "join", code=code)

    async def console(self, _: web.Request) -> web.Response:
        """The console of those who signed in; the page itself sends others to sign in."""
        return self._page("console", code="")

    async def signin(self, request: web.Request) -> web.Response:
        """Sign in, then on to a page of ours."""
        wanted = request.query.get("next", "")
        # A path of this server alone: `//host` and `/\\host` lead elsewhere.
        inside = re.fullmatch(r"/(?![/\\])[\w/?=&.-]*", wanted) is not None
        return self._page("signin", oidc=self._oidc, next=wanted if inside else "/console")

    async def start(self, _: web.Request) -> web.Response:
        """The start page of development: play the clinic."""
        return self._page("start")

    async def static(self, request: web.Request) -> web.StreamResponse:
        """A file of the web folder, by an explicit list of what is public."""
        path = request.match_info["path"]
        if _PUBLIC.fullmatch(path) is None or ".." in path:
            raise web.HTTPNotFound
        response = self._file(path)
        if request.query.get("v") == self._version:
            response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return _for_anyone(response) if path.startswith("sdk/") else response

    async def sdk(self, _: web.Request) -> web.StreamResponse:
        """The SDK, for our pages and for integrators' pages anywhere."""
        built = "sdk/dist/mediaserver.js"
        if (self._folder / built).is_file():
            response: web.StreamResponse = self._file(built)
        else:
            response = web.Response(text=_SDK_SOURCE, content_type="text/javascript")
        return _for_anyone(response)

    async def favicon(self, _: web.Request) -> web.StreamResponse:
        """Browsers ask for it whatever the page says."""
        return self._file("shared/icon.svg")

    def _page(self, name: str, **values: str) -> web.Response:
        template = self._templates.get_template(f"{name}/index.html")
        built = f"{name}/dist/{name}.js"
        script = built if (self._folder / built).is_file() else f"{name}/{name}.js"
        text = template.render(
            clinic_name=self._clinic, static_version=self._version, script=f"/static/{script}", **values
        )
        return web.Response(text=text, content_type="text/html")

    def _file(self, path: str) -> web.FileResponse:
        file = self._folder / path
        if not file.is_file():
            raise web.HTTPNotFound
        # Revalidated each time: an update shows at once, and an unchanged file costs a 304.
        return web.FileResponse(file, headers={"Cache-Control": "no-cache"})


def _for_anyone(response: web.StreamResponse) -> web.StreamResponse:
    """The SDK is public: a page of another origin may load it as a module."""
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    response.headers["Access-Control-Allow-Origin"] = "*"
    return response


def _fingerprint(folder: Path) -> str:
    """Another word whenever a public file is another: what pages put behind `?v=`."""
    digest = hashlib.sha256()
    for part in _FOLDERS:
        for path in sorted((folder / part).rglob("*")):
            name = path.relative_to(folder).as_posix()
            if _PUBLIC.fullmatch(name) is None:
                continue
            status = path.stat()
            digest.update(f"{name} {status.st_mtime_ns} {status.st_size}\n".encode())
    return digest.hexdigest()[:12]
