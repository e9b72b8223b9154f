"""A plugin's words: its catalogues (`translations/<language>.json`) and templates (`templates/`)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import jinja2

BASE = "en"


class Texts:
    """Read once; never changed afterwards, so any thread may use it."""

    def __init__(self, folder: Path | None, plugin: str = "") -> None:
        self._prefix = f"{plugin}."
        self.catalogues: Mapping[str, Mapping[str, str]] = {} if folder is None else _read(folder)
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader([] if folder is None else [folder / "templates"]),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
        )

    def key(self, reason: str) -> str | None:
        """The whole key (`<plugin>.<key>`) of what may be one, with or without the plugin's name; else None:
        a sentence.
        """
        known = self.catalogues.get(BASE, {})
        return next((key for key in (self._prefix + reason, reason) if key in known), None)

    def text(self, key: str, language: str, **values: object) -> str:
        """The sentence in that language, or its wider one, or English. Raises KeyError for none of ours."""
        whole = self.key(key) or key
        for name in (language, language.partition("-")[0], BASE):
            if whole in self.catalogues.get(name, {}):
                return self.catalogues[name][whole].format(**values)
        raise KeyError(key)

    def render(self, template: str, language: str, **values: object) -> str:
        """A template with `t(key, ...)` and `language` at hand. Raises jinja2's errors."""

        def translate(key: str, **more: object) -> str:
            return self.text(key, language, **more)

        return self._templates.get_template(template).render(t=translate, language=language, **values)


def _read(folder: Path) -> dict[str, dict[str, str]]:
    """Raises ValueError for a file that isn't a flat object of texts."""
    catalogues: dict[str, dict[str, str]] = {}
    for file in sorted((folder / "translations").glob("*.json")):
        content = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(content, dict) or not all(isinstance(text, str) for text in content.values()):
            raise ValueError(f"{file.name} is not a flat JSON object of texts")
        catalogues[file.stem] = content
    return catalogues
