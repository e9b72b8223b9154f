"""Flags over environment over file over defaults; every mistake is named, no value is shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mediaserver.config import ConfigError, Settings, load, parse_listen

FILE = """
clinic: From the file
http:
  listen: ["0.0.0.0:9000"]
  max_body: 100000
rooms: {max_participants: 4}
turn: {urls: ["turn:turn.example:3478"], secret: s3cret}
"""

OIDC = {
    "issuer": "https://id.example",
    "client_id": "media",
    "client_secret": "s3cret",
    "roles": {"doctors": "clinician"},
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(FILE)
    return path


def test_defaults_alone_are_good() -> None:
    settings = load()
    assert settings.http.listen == ["127.0.0.1:8080"]
    assert (settings.media.port, settings.media.hosts) == (7882, ["0.0.0.0", "::"])


def test_each_source_overrides_the_next_key_by_key(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(file).clinic == "From the file"
    monkeypatch.setenv("MEDIASERVER_CLINIC", "From the environment")
    monkeypatch.setenv("MEDIASERVER_HTTP__MAX_BODY", "200000")
    settings = load(file)
    assert (settings.clinic, settings.http.max_body) == ("From the environment", 200000)
    assert settings.http.listen == ["0.0.0.0:9000"], "the file's neighbours stay"
    settings = load(file, {"clinic": "From a flag", "http": {"listen": ["127.0.0.1:1"]}})
    assert (settings.clinic, settings.http.listen, settings.http.max_body) == (
        "From a flag",
        ["127.0.0.1:1"],
        200000,
    )
    assert settings.rooms.max_participants == 4


def test_lists_are_written_with_commas_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDIASERVER_HTTP__LISTEN", "127.0.0.1:1, [::1]:1")
    monkeypatch.setenv("MEDIASERVER_HTTP__TRUSTED_PROXIES", "10.0.0.0/8,fd00::/8")
    settings = load()
    assert settings.http.listen == ["127.0.0.1:1", "[::1]:1"]
    assert [str(net) for net in settings.http.trusted_proxies] == ["10.0.0.0/8", "fd00::/8"]


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        ({"zork": 1}, "zork"),
        ({"http": {"zork": 1}}, "http.zork"),
        ({"http": {"listen": ["nonsense"]}}, "http.listen"),
        ({"http": {"listen": ["a:99999"]}}, "http.listen"),
        ({"http": {"trusted_proxies": ["10.0.0.1/8"]}}, "http.trusted_proxies"),
        ({"media": {"listen": []}}, "media.listen"),
        ({"media": {"listen": ["0.0.0.0:1", "[::]:2"]}}, "media.listen"),
        ({"media": {"announced": ["example.org"]}}, "media.announced"),
        ({"signaling": {"heartbeat": 5}}, "signaling.heartbeat"),
        ({"turn": {"urls": ["turn:x"]}}, "turn"),
        ({"log": {"level": "loud"}}, "log.level"),
        ({"identity": {"idle": 1}}, "identity.idle"),
        ({"identity": {"password_length": 4}}, "identity.password_length"),
        ({"identity": {"argon2": {"memory": 8}}}, "identity.argon2.memory"),
        ({"identity": {"oidc": {**OIDC, "issuer": "http://id.example"}}}, "identity.oidc.issuer"),
        ({"identity": {"oidc": {**OIDC, "roles": {"x": "patient"}}}}, "identity.oidc.roles"),
        ({"identity": {"oidc": {**OIDC, "roles": {}}}}, "identity.oidc.roles"),
    ],
)
def test_a_mistake_is_named(flags: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=named.replace(".", r"\.")):
        load(None, flags)


def test_errors_and_settings_show_no_secret(file: Path) -> None:
    assert "s3cret" not in repr(load(file))
    with pytest.raises(ConfigError) as caught:
        load(file, {"turn": {"ttl": 1, "secret": "s3cret", "urls": []}})
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("content", ["a: [", "- 1", "\x00"])
def test_a_file_that_is_no_settings_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(content)
    with pytest.raises(ConfigError):
        load(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no file"):
        load(tmp_path / "nothing.yaml")


@pytest.mark.parametrize(
    ("text", "parsed"),
    [("127.0.0.1:80", ("127.0.0.1", 80)), ("[::1]:80", ("::1", 80)), (":80", ("", 80)), ("h:0", ("h", 0))],
)
def test_addresses(text: str, parsed: tuple[str, int]) -> None:
    assert parse_listen(text) == parsed


def test_every_setting_is_told_in_the_operations_page() -> None:
    page = (Path(__file__).parents[3] / "docs" / "operations.md").read_text()
    missing = [name for name in _names(Settings) if f"`{name}`" not in page]
    assert missing == []


def _names(model: Any, prefix: str = "") -> list[str]:
    names = []
    for name, field in model.model_fields.items():
        inner = field.annotation
        if name in ("tls", "oidc"):
            inner = inner.__args__[0]
        if hasattr(inner, "model_fields"):
            names += _names(inner, f"{prefix}{name}.")
        else:
            names.append(f"{prefix}{name}")
    return names
