"""Headers, pages, files, health, proxies, TLS."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from running_house import Running, running

from mediaserver.http.proxies import trust
from mediaserver.http.tls import TlsFiles


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(tmp_path, clinic='Clinic <"&>') as running_server:
        yield running_server


@pytest.mark.parametrize("path", ["/", "/healthz", "/j/x", "/static/sdk/src/index.js", "/nothing", "/rtc"])
async def test_every_answer_has_the_headers(server: Running, path: str) -> None:
    response = await server.client.get(path)
    headers = response.headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "camera=(self)" in headers["Permissions-Policy"]
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "Server" not in headers
    assert "Strict-Transport-Security" not in headers  # plain http


async def test_the_page_escapes_what_it_is_told(server: Running) -> None:
    response = await server.client.get('/j/"><script>alert(1)')
    text = await response.text()
    assert response.status == 200
    assert "<script>alert" not in text
    assert 'Clinic <"' not in text
    assert "Clinic &lt;" in text


@pytest.mark.parametrize(
    "path",
    [
        "../pyproject.toml",
        "%2e%2e/pyproject.toml",
        "sdk/src/../../package.json",
        "sdk/src/..%2f..%2fpackage.json",
        "package.json",
        "node_modules/esbuild/package.json",
        "join/index.html",
        "sdk/test/link.test.js",
        "shared/.hidden.js",
        "sdk/src/",
        "sdk//src/index.js",
        "/etc/passwd.txt",
    ],
)
async def test_only_public_files_are_served(server: Running, path: str) -> None:
    from yarl import URL

    response = await server.client.get(URL(f"/static/{path}", encoded=True))
    assert response.status == 404


async def test_the_sdk_loads_from_any_page(server: Running) -> None:
    for path in ("/sdk/mediaserver.js", "/static/sdk/src/index.js"):
        response = await server.client.get(path)
        assert response.status == 200
        assert "javascript" in response.headers["Content-Type"]
        assert response.headers["Access-Control-Allow-Origin"] == "*"
        assert response.headers["Cross-Origin-Resource-Policy"] == "cross-origin"


async def test_metrics_want_this_machine_or_a_token(tmp_path: Path) -> None:
    async with running(tmp_path, http={"trusted_proxies": ["127.0.0.0/8"]}) as server:
        far = {"X-Forwarded-For": "203.0.113.9"}
        assert (await server.client.get("/metrics")).status == 200
        assert (await server.client.get("/metrics", headers=far)).status == 401
        patient = {"Authorization": f"Bearer {server.token('p')}", **far}
        assert (await server.client.get("/metrics", headers=patient)).status == 401
        operator = {"Authorization": f"Bearer {server.token('o', rooms=True)}", **far}
        assert (await server.client.get("/metrics", headers=operator)).status == 200


async def test_metrics_take_nobody_behind_an_unknown_proxy_for_this_machine(server: Running) -> None:
    for header in ("X-Forwarded-For", "Forwarded"):
        response = await server.client.get("/metrics", headers={header: "for=203.0.113.9"})
        assert response.status == 401


async def test_rest_asks_the_same_rooms(server: Running) -> None:
    headers = {"Authorization": f"Bearer {server.token('o', rooms=True)}"}
    body = {"name": "r", "max_participants": 3, "metadata": {"clinic": "north"}}
    made = await server.client.post("/api/v1/rooms", json=body, headers=headers)
    assert made.status == 201
    assert (await made.json())["metadata"] == {"clinic": "north"}
    listed = await (await server.client.get("/api/v1/rooms", headers=headers)).json()
    assert [(room["name"], room["max_participants"]) for room in listed["rooms"]] == [("r", 3)]
    assert (await server.client.delete("/api/v1/rooms/r", headers=headers)).status == 204
    assert (await server.client.get("/api/v1/rooms/r", headers=headers)).status == 404


PROXY = [ipaddress.ip_network("127.0.0.0/8")]


@pytest.mark.parametrize(
    ("networks", "headers", "seen"),
    [
        ([], {"X-Forwarded-For": "9.9.9.9", "X-Forwarded-Proto": "https"}, "127.0.0.1 http"),
        (PROXY, {}, "127.0.0.1 http"),
        (PROXY, {"X-Forwarded-For": "9.9.9.9", "X-Forwarded-Proto": "https"}, "9.9.9.9 https"),
        (PROXY, {"X-Forwarded-For": "1.1.1.1, 9.9.9.9, 127.0.0.2"}, "9.9.9.9 http"),
        (PROXY, {"X-Forwarded-For": "9.9.9.9, nonsense"}, "127.0.0.1 http"),
        (PROXY, {"X-Forwarded-Proto": "gopher"}, "127.0.0.1 http"),
    ],
)
async def test_only_trusted_proxies_are_believed(
    networks: list[ipaddress.IPv4Network], headers: dict[str, str], seen: str
) -> None:
    async def who(request: web.Request) -> web.Response:
        return web.Response(text=f"{request.remote} {request.scheme}")

    app = web.Application(middlewares=[trust(networks)])
    app.router.add_get("/", who)
    async with TestClient(TestServer(app, host="127.0.0.1")) as client:
        assert await (await client.get("/", headers=headers)).text() == seen


def make_certificate(folder: Path, name: str) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=90))
        .sign(key, hashes.SHA256())
    )
    paths = folder / "cert.pem", folder / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return paths


async def test_a_renewed_certificate_is_used_without_restart(tmp_path: Path) -> None:
    files = TlsFiles(*make_certificate(tmp_path, "first"))

    async def ok(_: web.Request) -> web.Response:
        return web.Response()

    app = web.Application()
    app.router.add_get("/", ok)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=files.context)
    await site.start()
    port = runner.addresses[0][1]

    def name() -> str:
        pem = ssl.get_server_certificate(("127.0.0.1", port))
        return str(x509.load_pem_x509_certificate(pem.encode()).subject.rdns[0].rfc4514_string())

    import asyncio

    try:
        assert await asyncio.to_thread(name) == "CN=first"
        make_certificate(tmp_path, "second")
        assert files.reload()
        assert await asyncio.to_thread(name) == "CN=second"
        (tmp_path / "key.pem").write_text("broken")
        assert not files.reload()
        assert await asyncio.to_thread(name) == "CN=second"
    finally:
        await runner.cleanup()
