"""`mediaserver db`, as an operator uses it."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mediaserver.cli import main
from mediaserver.config import load
from mediaserver.storage.migrate import newest


def db(*arguments: str, data: Path) -> Result:
    return CliRunner().invoke(main, ["db", *arguments, "--data", str(data)])


def test_an_operator_makes_checks_and_copies_a_database(tmp_path: Path) -> None:
    data = tmp_path / "data"
    assert "mediaserver db upgrade" in db("status", data=data).output
    assert not data.exists()
    assert db("upgrade", data=data).exit_code == 0
    assert "as before" in db("upgrade", data=data).output
    status = db("status", data=data).output
    assert f"revision  {newest()}" in status
    assert "wanted" not in status
    assert db("check", data=data).output == "sound\n"
    assert db("backup", str(tmp_path / "copy.db"), data=data).exit_code == 0
    assert "there already" in db("backup", str(tmp_path / "copy.db"), data=data).output
    restored = tmp_path / "restored"
    restored.mkdir()
    (tmp_path / "copy.db").rename(restored / "clinic.db")
    assert db("check", data=restored).output == "sound\n"


def test_check_exits_with_1_and_names_what_is_wrong(tmp_path: Path) -> None:
    db("upgrade", data=tmp_path)
    (tmp_path / "clinic.db").write_bytes(b"x" * 8192)
    result = db("check", data=tmp_path)
    assert result.exit_code == 1
    assert "damaged" in result.output


def test_the_password_of_the_url_is_never_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDIASERVER_STORAGE__URL", "postgresql://clinic:hunter2@127.0.0.1:1/clinic")
    settings = load(None, {})
    assert "hunter2" not in repr(settings)
    result = db("status", data=tmp_path)
    assert result.exit_code == 1
    assert "hunter2" not in result.output
    assert "is it running" in result.output


def test_settings_reach_the_storage(tmp_path: Path) -> None:
    settings = load(None, {"data": tmp_path, "storage": {"readers": 7}})
    assert settings.storage_url == f"sqlite:///{tmp_path}/clinic.db"
    assert settings.storage.options().readers == 7
