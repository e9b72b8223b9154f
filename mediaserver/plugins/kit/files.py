"""Checks of a plugin's files: what its Python and its modules import, its translations."""

from __future__ import annotations

import ast
import inspect
import re
import string
from collections.abc import Iterator
from pathlib import Path

from mediaserver.plugins.manifest import Manifest
from mediaserver.plugins.texts import BASE, Texts

# What a plugin may know of us. The rest of us changes without notice.
_OPEN = ("mediaserver.model", "workflows.api", "workflows.ports", "mediaserver.plugins.workbench")
_OURS = ("mediaserver", "signaling", "sfu", "recorder", "qos", "workflows", "bench")
# What opens sockets: it belongs into an adapter, behind a port.
_NETWORK = (
    "aiohttp",
    "requests",
    "httpx",
    "urllib3",
    "socket",
    "urllib.request",
    "http.client",
    "websockets",
)

# `import x from "..."`, `export .. from "..."`, `import("...")`, `import "..."`.
_IMPORT = re.compile(
    r"""(?:\bfrom\s*|\bimport\s*\(\s*|\bimport\s+)(["'`])(?P<what>[^"'`]+)\1|\bimport\s*\((?P<dynamic>[^"'`)]+)\)"""
)
_UNSAFE = re.compile(
    r"\beval\s*\(|\bnew\s+Function\b|\.innerHTML\b|\.outerHTML\b|document\.write|insertAdjacentHTML"
)
_ELSEWHERE = re.compile(r"""["'`](?:https?:)?//[\w.-]+""")


def imports_only_the_api(plugin: Manifest) -> Iterator[str]:
    """Python: the model, the api, the ports, and what it brings along."""
    own = plugin.kind.__module__
    package = own if plugin.folder is not None and _is_package(plugin) else own.rpartition(".")[0] or own
    for file in _sources(plugin):
        for line, name in _imported(file):
            inside = name == package or name.startswith(f"{package}.")
            if inside or _under(name, _OPEN) or name == "workflows":
                continue
            if _under(name, _OURS):
                yield f"{file.name}:{line} imports {name}: a plugin knows only {', '.join(_OPEN[:3])}"
            elif _under(name, _NETWORK):
                yield f"{file.name}:{line} imports {name}: what speaks to the network is an adapter's"


def _is_package(plugin: Manifest) -> bool:
    return Path(inspect.getfile(plugin.kind)).name == "__init__.py"


def _sources(plugin: Manifest) -> list[Path]:
    if plugin.folder is None:
        return [Path(inspect.getfile(plugin.kind))]
    parts = [path for path in plugin.folder.rglob("*.py") if "tests" not in path.parts]
    return sorted(path for path in parts if "migrations" not in path.relative_to(plugin.folder).parts)


def _imported(file: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield node.lineno, name.name
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.lineno, node.module
            if node.module in ("mediaserver", "workflows"):
                for name in node.names:
                    yield node.lineno, f"{node.module}.{name.name}"


def _under(name: str, roots: tuple[str, ...]) -> bool:
    return any(name == root or name.startswith(f"{root}.") for root in roots)


def modules_are_there(plugin: Manifest) -> Iterator[str]:
    """Each panel's ES module exists, imports nothing foreign and does nothing a strict CSP would stop."""
    folder = plugin.folder
    if folder is None:
        return
    for method, panel in plugin.panels:
        if panel.module is None:
            continue
        file = (folder / panel.module).resolve()
        if not file.is_relative_to(folder) or not file.is_file():
            yield f"{method}: there is no {panel.module} in the plugin's folder"
        elif not re.search(r"^export default ", file.read_text(encoding="utf-8"), re.MULTILINE):
            yield f"{panel.module} needs `export default {{ id, order, mount(host) }}`"
    for file in sorted(folder.rglob("*.js")):
        if not {"tests", "node_modules"} & set(file.relative_to(folder).parts):
            yield from _module(folder, file)


def _module(folder: Path, file: Path) -> Iterator[str]:
    text = _without_comments(file.read_text(encoding="utf-8"))
    for found in _IMPORT.finditer(text):
        what = found["what"]
        if what is None:
            yield f"{file.name}: an import by a computed name can't be checked: {found['dynamic'].strip()}"
        elif not what.startswith("."):
            yield f"{file.name} imports {what}: only ./ files of its own; elements and words come by the host"
        elif not (file.parent / what).resolve().is_relative_to(folder):
            yield f"{file.name} imports {what}, which is outside of its folder"
        elif not (file.parent / what).is_file():
            yield f"{file.name} imports {what}, which isn't there"
    for found in _UNSAFE.finditer(text):
        yield f"{file.name}: {found[0].strip()} lets text become code; build elements instead"
    for found in _ELSEWHERE.finditer(text):
        yield f"{file.name} names another server ({found[0][1:]}): no request leaves ours"


def _without_comments(text: str) -> str:
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    return re.sub(r"(?m)(^|\s)//.*$", "", text)


def translations_complete(plugin: Manifest, texts: Texts) -> Iterator[str]:
    """Every language has every sentence, with the same places for values; panels have titles."""
    base = texts.catalogues.get(BASE, {})
    if texts.catalogues and not base:
        yield f"translations/{BASE}.json is missing: it is what others are compared with"
    titled = [panel.name for _, panel in plugin.panels if panel.module is not None]
    for name in titled:
        if f"{plugin.name}.{name}.title" not in base:
            yield f"translations/{BASE}.json has no {plugin.name}.{name}.title, the panel's name"
    for key in base:
        if not key.startswith(f"{plugin.name}."):
            wanted = f"must begin with {plugin.name}., for a page has one catalogue"
            yield f"translations/{BASE}.json: {key} {wanted}"
    for language, catalogue in texts.catalogues.items():
        for key in sorted(base.keys() - catalogue.keys()):
            yield f"translations/{language}.json lacks {key}"
        for key in sorted(catalogue.keys() - base.keys()):
            yield f"translations/{language}.json has {key}, which {BASE}.json has not"
        for key in sorted(catalogue.keys() & base.keys()):
            if not catalogue[key].strip():
                yield f"translations/{language}.json: {key} is empty"
            elif _places(catalogue[key]) != _places(base[key]):
                yield f"translations/{language}.json: {key} has other {{values}} than {BASE}.json"


def _places(text: str) -> set[str | None]:
    try:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
    except ValueError:
        return {None}  # a stray brace
