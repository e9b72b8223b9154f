"""DTLS in the server role against OpenSSL's client, datagram by datagram."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from dtls_client import DtlsClient
from OpenSSL import SSL

from sfu.certificate import DtlsCertificate
from sfu.dtls import MTU, DtlsContext, DtlsServer, drain, split_flight, strongest_fingerprints
from sfu.types import DtlsFingerprint, DtlsState, MediaError, SrtpKeys, SrtpProfile

CERTIFICATE = DtlsCertificate.create()
CONTEXT = DtlsContext(CERTIFICATE)


class Server:
    """A DtlsServer that writes down what it does."""

    def __init__(self, context: DtlsContext = CONTEXT, handshake_timeout: float = 30.0) -> None:
        self.sent: list[bytes] = []
        self.keys: list[SrtpKeys] = []
        self.states: list[tuple[DtlsState, str]] = []
        self.dtls = DtlsServer(
            context,
            send=self.sent.append,
            on_keys=self.keys.append,
            on_state=lambda state, reason: self.states.append((state, reason)),
            handshake_timeout=handshake_timeout,
        )

    def take(self) -> list[bytes]:
        sent, self.sent[:] = list(self.sent), []
        return sent


def handshake(
    client: DtlsClient, server: Server, mangle: Callable[[list[bytes]], list[bytes]] = list
) -> None:
    """Carries flights to and fro until nobody has anything to say."""
    flight = client.start()
    while flight:
        for datagram in mangle(flight):
            server.dtls.receive(datagram)
        flight = [answer for datagram in mangle(server.take()) for answer in client.receive(datagram)]


def digest(certificate: DtlsCertificate, algorithm: str) -> str:
    der = certificate.certificate.public_bytes(Encoding.DER)
    return hashlib.new(algorithm.replace("-", ""), der).digest().hex(":").upper()


async def until(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - OpenSSL has no event to wait for
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("profile", "key", "salt"),
    [
        (SrtpProfile.AEAD_AES_256_GCM, 32, 12),
        (SrtpProfile.AEAD_AES_128_GCM, 16, 12),
        (SrtpProfile.AES128_CM_SHA1_80, 16, 14),
    ],
)
async def test_both_ends_have_the_same_keys(profile: SrtpProfile, key: int, salt: int) -> None:
    client, server = DtlsClient(profiles=profile.encode()), Server()
    server.dtls.expect([client.certificate.fingerprint])
    handshake(client, server)
    assert client.connected
    (keys,) = server.keys
    assert keys.profile is profile
    material = client.export(2 * (key + salt))
    # RFC 5764 section 4.2: client key, server key, client salt, server salt.
    # We receive what the client sends.
    assert keys.receive_key + keys.send_key == material[: 2 * key]
    assert keys.receive_salt + keys.send_salt == material[2 * key :]
    assert (len(keys.send_key), len(keys.send_salt)) == (key, salt)
    assert server.states == [(DtlsState.CONNECTING, "client_hello"), (DtlsState.CONNECTED, profile)]


async def test_the_strongest_profile_that_both_know_is_taken_whatever_the_client_prefers() -> None:
    client = DtlsClient(profiles=b"SRTP_AES128_CM_SHA1_80:SRTP_AEAD_AES_128_GCM:SRTP_AEAD_AES_256_GCM")
    server = Server()
    server.dtls.expect([client.certificate.fingerprint])
    handshake(client, server)
    assert server.keys[0].profile is SrtpProfile.AEAD_AES_256_GCM


async def test_the_fingerprint_may_come_after_the_handshake() -> None:
    client, server = DtlsClient(), Server()
    handshake(client, server)
    assert client.connected
    assert server.dtls.state is DtlsState.CONNECTING
    assert not server.keys
    server.dtls.expect([client.certificate.fingerprint])
    assert server.dtls.state is DtlsState.CONNECTED
    assert len(server.keys) == 1


async def test_a_wrong_fingerprint_gives_no_keys() -> None:
    client, server = DtlsClient(), Server()
    server.dtls.expect([DtlsCertificate.create().fingerprint])
    handshake(client, server)
    assert not server.keys
    assert server.states[-1] == (DtlsState.FAILED, "wrong_fingerprint")
    assert client.closed, "the client is told"
    server.dtls.expect([DtlsFingerprint("SHA-256", server.dtls._expected[0].value)])  # type: ignore[index]
    assert server.dtls.state is DtlsState.FAILED


async def test_a_client_without_a_certificate_is_refused() -> None:
    client, server = DtlsClient(anonymous=True), Server()
    server.dtls.expect([client.certificate.fingerprint])
    with pytest.raises(Exception, match="alert"):
        handshake(client, server)
    assert server.states[-1] == (DtlsState.FAILED, "handshake_failed")


async def test_a_client_without_srtp_is_refused() -> None:
    client, server = DtlsClient(profiles=None), Server()
    server.dtls.expect([client.certificate.fingerprint])
    handshake(client, server)
    assert not server.keys
    assert server.states[-1] == (DtlsState.FAILED, "no_srtp_profile")


@pytest.mark.parametrize("algorithm", ["sha-256", "sha-384", "sha-512"])
async def test_every_accepted_hash_identifies_the_client(algorithm: str) -> None:
    client, server = DtlsClient(), Server()
    server.dtls.expect([DtlsFingerprint(algorithm.upper(), digest(client.certificate, algorithm).lower())])
    handshake(client, server)
    assert server.dtls.state is DtlsState.CONNECTED


def test_the_strongest_hash_decides_and_broken_ones_do_not_count() -> None:
    right = DtlsFingerprint("sha-256", "AA")
    stronger = DtlsFingerprint("sha-512", "BB")
    assert strongest_fingerprints([right, stronger, DtlsFingerprint("sha-1", "CC")]) == (stronger,)
    for algorithms in ([], ["sha-1"], ["md5", "sha-1", "sha-224"]):
        with pytest.raises(MediaError, match="sha-256"):
            strongest_fingerprints(DtlsFingerprint(algorithm, "AA") for algorithm in algorithms)


async def test_another_fingerprint_needs_another_transport() -> None:
    server = Server()
    first = DtlsCertificate.create().fingerprint
    server.dtls.expect([first])
    server.dtls.expect([first])
    with pytest.raises(MediaError, match="another certificate"):
        server.dtls.expect([DtlsCertificate.create().fingerprint])


async def test_messages_cut_in_pieces_and_out_of_order_are_put_together() -> None:
    client, server = DtlsClient(mtu=256), Server()
    server.dtls.expect([client.certificate.fingerprint])
    pieces = 0

    def backwards(flight: list[bytes]) -> list[bytes]:
        nonlocal pieces
        pieces = max(pieces, len(flight))
        return flight[::-1]

    handshake(client, server, backwards)
    # What came before its turn in an epoch is dropped and sent again by the timers.
    await until(lambda: resume(client, server) or client.connected)
    assert server.dtls.state is DtlsState.CONNECTED
    assert pieces > 2


def resume(client: DtlsClient, server: Server) -> bool:
    if client.connection.DTLSv1_get_timeout() == 0:
        client.connection.DTLSv1_handle_timeout()
    flight = list(split_flight(drain(client.connection), client.mtu))
    flight += [answer for datagram in server.take() for answer in client.receive(datagram)]
    for datagram in flight:
        server.dtls.receive(datagram)
    return False


async def test_a_lost_flight_is_repeated_long_before_openssls_second() -> None:
    client, server = DtlsClient(), Server()
    server.dtls.expect([client.certificate.fingerprint])
    for datagram in client.start():
        server.dtls.receive(datagram)
    assert server.take(), "lost on the way"
    loop = asyncio.get_running_loop()
    start = loop.time()
    await until(lambda: bool(server.sent))
    assert loop.time() - start < 0.5
    for flight in [answer for datagram in server.take() for answer in client.receive(datagram)]:
        server.dtls.receive(flight)
    assert server.dtls.state is DtlsState.CONNECTED


async def test_openssls_timer_goes_on_repeating() -> None:
    client, server = DtlsClient(), Server()
    for datagram in client.start():
        server.dtls.receive(datagram)
    # The flight, two early repeats, and OpenSSL's own after a second with new record numbers.
    await until(lambda: len(server.sent) >= 4)
    assert server.sent[0] == server.sent[1] == server.sent[2] != server.sent[3]
    server.dtls.close()


async def test_a_client_that_goes_silent_fails_in_time_and_leaves_no_timer() -> None:
    client, server = DtlsClient(), Server(handshake_timeout=0.05)
    server.dtls.receive(client.start()[0])
    await until(lambda: server.dtls.state is DtlsState.FAILED)
    assert server.states[-1] == (DtlsState.FAILED, "handshake_timeout")
    server.take()
    await asyncio.sleep(0.2)
    assert not server.sent


async def test_close_notify_of_the_client_closes() -> None:
    client, server = DtlsClient(), Server()
    server.dtls.expect([client.certificate.fingerprint])
    handshake(client, server)
    for datagram in client.close():
        server.dtls.receive(datagram)
    assert server.states[-1] == (DtlsState.CLOSED, "close_notify")


async def test_closing_tells_the_client_once() -> None:
    client, server = DtlsClient(), Server()
    server.dtls.expect([client.certificate.fingerprint])
    handshake(client, server)
    server.dtls.close()
    server.dtls.close()
    (goodbye,) = server.take()
    client.receive(goodbye)
    assert client.closed
    assert [state for state, _ in server.states].count(DtlsState.CLOSED) == 1


async def test_a_last_flight_that_was_lost_is_sent_again() -> None:
    client, server = DtlsClient(), Server()
    server.dtls.expect([client.certificate.fingerprint])
    for datagram in client.start():
        server.dtls.receive(datagram)
    second = [answer for datagram in server.take() for answer in client.receive(datagram)]
    for datagram in second:
        server.dtls.receive(datagram)
    assert server.dtls.state is DtlsState.CONNECTED
    server.take()  # lost
    await asyncio.sleep(1.1)  # OpenSSL's client waits a second
    client.connection.DTLSv1_handle_timeout()
    for datagram in split_flight(drain(client.connection)):
        server.dtls.receive(datagram)
    for datagram in server.take():
        client.receive(datagram)
    assert client.connected


async def test_renegotiation_is_refused() -> None:
    client, server = DtlsClient(), Server()
    server.dtls.expect([client.certificate.fingerprint])
    handshake(client, server)
    assert client.connection.renegotiate()
    client.connected = False
    with pytest.raises(SSL.Error):  # no_renegotiation
        handshake(client, server)
    assert len(server.keys) == 1


@pytest.mark.parametrize(
    "junk", [b"\x16", b"\x16\xfe\xff" + b"\0" * 40, b"\x17\xfe\xfd" + b"\xff" * 100, b"\x14" * 1500]
)
async def test_junk_does_not_disturb_a_handshake(junk: bytes) -> None:
    client, server = DtlsClient(), Server()
    server.dtls.expect([client.certificate.fingerprint])
    server.dtls.receive(junk)
    handshake(client, server)
    assert server.dtls.state is DtlsState.CONNECTED
    server.dtls.receive(junk)
    assert server.dtls.state is DtlsState.CONNECTED


async def test_every_datagram_fits_the_mtu() -> None:
    client, server = DtlsClient(), Server()
    flights: list[bytes] = []
    server.dtls.expect([client.certificate.fingerprint])
    handshake(client, server, mangle=lambda flight: flights.extend(flight) or flight)  # type: ignore[func-returns-value]
    assert flights
    assert max(map(len, flights)) <= MTU


def test_records_are_packed_whole() -> None:
    def record(length: int) -> bytes:
        return b"\x16\xfe\xfd" + b"\0" * 8 + length.to_bytes(2, "big") + b"x" * length

    flight = [record(500), record(600), record(100), record(1300), record(1)]
    assert list(split_flight(b"".join(flight))) == [flight[0] + flight[1], flight[2], flight[3], flight[4]]
    assert list(split_flight(b"")) == []


async def test_a_handshake_does_not_stall_the_loop() -> None:
    loop = asyncio.get_running_loop()
    spent = []
    for _ in range(20):
        client, server = DtlsClient(), Server()
        server.dtls.expect([client.certificate.fingerprint])
        flight = client.start()
        while flight:
            start = loop.time()
            for datagram in flight:
                server.dtls.receive(datagram)
            spent.append(loop.time() - start)
            flight = [answer for datagram in server.take() for answer in client.receive(datagram)]
    spent.sort()
    assert spent[len(spent) * 9 // 10] < 0.01, "a step of a handshake takes about a millisecond"
