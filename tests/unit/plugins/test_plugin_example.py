"""The example is a package of its own: built, installed beside us, held to the kit, as anyone's would be."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "examples" / "plugin-hello"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example in a folder of its own, from a copy of its sources."""
    folder = tmp_path_factory.mktemp("hello")
    shutil.copytree(EXAMPLE, folder / "source")
    target = folder / "target"
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index",
         "--disable-pip-version-check", "--target", target, folder / "source"],
        check=True, capture_output=True, timeout=90,
    )  # fmt: skip
    return target


def run(installed: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join((str(installed), str(ROOT)))
    return subprocess.run(
        [sys.executable, *arguments], env={**os.environ, "PYTHONPATH": paths}, cwd=installed,
        capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip


def test_it_is_listed(installed: Path) -> None:
    listed = run(installed, "-m", "mediaserver", "plugin", "list")
    assert "hello" in listed.stdout
    assert "1.0.0" in listed.stdout
    assert "Greets who comes to the door" in listed.stdout


def test_it_conforms(installed: Path) -> None:
    checked = run(installed, "-m", "mediaserver", "plugin", "check", "hello")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "all is well" in checked.stdout
    assert "mend" not in checked.stdout


def test_its_own_tests_pass(installed: Path) -> None:
    played = run(
        installed, "-m", "pytest", "-q", "-p", "no:cacheprovider", EXAMPLE / "tests", "-c", os.devnull
    )
    assert played.returncode == 0, played.stdout + played.stderr


def test_what_was_spoilt_is_named(installed: Path, tmp_path: Path) -> None:
    spoilt = tmp_path / "spoilt"
    shutil.copytree(installed, spoilt)
    module = spoilt / "hello" / "panel.js"
    module.write_text('import "https://example.org/x.js";\n' + module.read_text())
    (spoilt / "hello" / "translations" / "es.json").write_text('{"hello.hello": "Hola"}')
    migration = spoilt / "hello" / "migrations" / "hello_0001.py"
    migration.write_text(migration.read_text().replace("hello_greeting", "greeting"))
    checked = run(spoilt, "-m", "mediaserver", "plugin", "check", "hello")
    assert checked.returncode == 1
    for problem in ("https://example.org", "es.json lacks hello.greeted", "aren't named hello_"):
        assert problem in checked.stdout


def test_one_that_is_not_there_is_told(installed: Path) -> None:
    checked = run(installed, "-m", "mediaserver", "plugin", "check", "nosuch")
    assert checked.returncode == 1
    assert "nosuch is not installed" in checked.stderr
