"""The real provider (tests/oidc), and a browser that signs in at it."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urljoin, urlsplit

import aiohttp
import pytest

FOLDER = Path(__file__).parents[2] / "oidc"
CALLBACK = "http://127.0.0.1:1/auth/oidc/callback"


def need_provider() -> None:
    """Installs the provider once; skips without Node or a registry, fails in CI."""
    missing = None
    if shutil.which("node") is None or shutil.which("npm") is None:
        missing = "Node.js is not installed"
    elif not (FOLDER / "node_modules" / "oidc-provider").is_dir():
        result = subprocess.run(
            ["npm", "ci", "--no-audit", "--no-fund", "--silent"],
            cwd=FOLDER,
            timeout=100,
            check=False,
            capture_output=True,
        )
        missing = "npm ci in tests/oidc failed" if result.returncode else None
    if missing and os.environ.get("CI"):
        pytest.fail(missing)
    if missing:
        pytest.skip(missing)


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextmanager
def provider(port: int) -> Iterator[str]:
    """Runs it; gives the issuer."""
    process = subprocess.Popen(
        ["node", FOLDER / "provider.js", str(port), CALLBACK],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


async def consent_at_provider(url: str, login: str) -> dict[str, str]:
    """Signs `login` in as a person would; gives the query of the way back."""
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar, timeout=aiohttp.ClientTimeout(total=20)) as browser:
        method, form = "GET", {}
        for _ in range(20):
            async with browser.request(method, url, data=form or None, allow_redirects=False) as answer:
                text, location = await answer.text(), answer.headers.get("Location")
                assert answer.status < 400, text
            if location is not None:
                url, method, form = urljoin(url, location), "GET", {}
                if url.startswith(CALLBACK):
                    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
                continue
            action = re.search(r'<form[^>]*action="([^"]+)"', text)
            prompt = re.search(r'name="prompt" value="(\w+)"', text)
            assert action is not None, text
            assert prompt is not None, text
            url, method = urljoin(url, action[1]), "POST"
            form = {"prompt": prompt[1]}
            if prompt[1] == "login":
                form |= {"login": login, "password": "anything"}
        raise AssertionError("the provider never came to an end")
