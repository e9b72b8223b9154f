"""DTLS 1.2 in the server role, and the SRTP keys it gives (RFC 5764, RFC 8842).

Datagrams come from the core, which hands up only those of ICE-validated tuples and limits their rate, and
go back to it: OpenSSL works on memory here and never sees a socket. A handshake costs the event loop
about a millisecond, in two steps of a signature and a key agreement each.

States go new -> connecting -> connected -> closed, or to failed from each of the first three. The client is
who its certificate's fingerprint says (RFC 8122): until `expect` has been told it, a finished handshake
waits; no key leaves before it matches.
"""

from __future__ import annotations

import asyncio
import hmac
import struct
from collections.abc import Callable, Iterable, Sequence

from OpenSSL import SSL

from sfu.certificate import DtlsCertificate
from sfu.types import DtlsFingerprint, DtlsState, MediaError, SrtpKeys, SrtpProfile

# Lengths of master key and salt in bytes (RFC 5764 section 4.1.2, RFC 7714 section 12).
KEY_LENGTHS = {
    SrtpProfile.AEAD_AES_256_GCM: (32, 12),
    SrtpProfile.AEAD_AES_128_GCM: (16, 12),
    SrtpProfile.AES128_CM_SHA1_80: (16, 14),
}
SRTP_PROFILES = tuple(KEY_LENGTHS)
"""Every profile, the preferred first: OpenSSL's server takes its own order."""

_EXPORTER = b"EXTRACTOR-dtls_srtp"  # RFC 5764 section 4.2
# UDP payload that every path carries: 1280 (IPv6's least) - 40 - 8, less what a tunnel takes.
MTU = 1200
_DTLS_1_2 = 0xFEFD
_RECORD_HEADER = 13  # RFC 6347 section 4.1
_CIPHERS = b"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305"

# Strongest first: when fingerprints come in several hashes, the strongest we know counts (RFC 8122
# section 5). MD5 and SHA-1 are broken.
_HASHES = ("sha-512", "sha-384", "sha-256")

# Seconds after which an unanswered flight is repeated as it was, before OpenSSL's own timer (1 s,
# doubling) sends it anew: a repeated record is at worst dropped as a replay, and a lost one doesn't cost a
# second of join time.
_REPEATS = (0.1, 0.3)


class DtlsContext:
    """What all handshakes of an engine share: certificate, ciphers, profiles."""

    def __init__(self, certificate: DtlsCertificate, profiles: Sequence[SrtpProfile] = SRTP_PROFILES) -> None:
        if not profiles:
            raise ValueError("at least one SRTP profile is needed")
        context = SSL.Context(SSL.DTLS_SERVER_METHOD)
        context.set_min_proto_version(_DTLS_1_2)
        context.set_max_proto_version(_DTLS_1_2)
        context.use_certificate(certificate.certificate)
        context.use_privatekey(certificate.key)
        context.set_cipher_list(_CIPHERS)
        context.set_tlsext_use_srtp(":".join(profiles).encode())
        context.set_options(SSL.OP_NO_QUERY_MTU | SSL.OP_NO_RENEGOTIATION | SSL.OP_NO_TICKET)
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        # Self-signed certificates are the rule; the fingerprint is what is checked, afterwards.
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *_: True)
        self._context = context

    def connection(self) -> SSL.Connection:
        """A server's end of one association, on memory."""
        connection = SSL.Connection(self._context, None)
        connection.set_accept_state()
        connection.set_ciphertext_mtu(MTU)
        return connection


class DtlsServer:
    """One client's association.

    `send` takes datagrams for the client, `on_keys` the SRTP keys once the client is who it should be,
    `on_state` each new state with a reason that is a word for metrics, without content of the client's.
    """

    def __init__(
        self,
        context: DtlsContext,
        *,
        send: Callable[[bytes], None],
        on_keys: Callable[[SrtpKeys], None],
        on_state: Callable[[DtlsState, str], None],
        handshake_timeout: float = 30.0,
    ) -> None:
        self.state = DtlsState.NEW
        self._connection = context.connection()
        self._send = send
        self._on_keys = on_keys
        self._on_state = on_state
        self._handshake_timeout = handshake_timeout
        self._expected: tuple[DtlsFingerprint, ...] | None = None
        self._finished = False  # the handshake, whether or not the fingerprint is known yet
        self._deadline: asyncio.TimerHandle | None = None
        self._retransmission: asyncio.TimerHandle | None = None
        self._repeat: asyncio.TimerHandle | None = None

    def expect(self, fingerprints: Iterable[DtlsFingerprint]) -> None:
        """Tells who the client has to be. Raises MediaError when no fingerprint has a hash we accept."""
        expected = strongest_fingerprints(fingerprints)
        if self._expected is not None and set(self._expected) != set(expected):
            raise MediaError("another certificate is another association: it needs a new transport")
        self._expected = expected
        self._check_client()

    def receive(self, datagram: bytes) -> None:
        """A datagram of the client's."""
        if self.state in (DtlsState.FAILED, DtlsState.CLOSED):
            return
        if self.state is DtlsState.NEW:
            loop = asyncio.get_running_loop()
            self._deadline = loop.call_later(self._handshake_timeout, self._fail, "handshake_timeout")
            self._become(DtlsState.CONNECTING, "client_hello")
        self._connection.bio_write(datagram)
        self._advance()

    def close(self) -> None:
        """Says close_notify, if there is an association, and forgets it."""
        if self.state in (DtlsState.FAILED, DtlsState.CLOSED):
            return
        self._farewell()
        self._become(DtlsState.CLOSED, "closed")

    def _advance(self) -> None:
        """Lets OpenSSL go on as far as it can."""
        try:
            if self._finished:
                self._read()
            else:
                self._connection.do_handshake()
                self._finished = True
        except SSL.WantReadError:
            pass
        except SSL.ZeroReturnError:
            self._farewell()
            self._become(DtlsState.CLOSED, "close_notify")
            return
        except SSL.Error:
            # An alert of ours may wait to be sent.
            self._flush()
            self._fail("alert" if self._finished else "handshake_failed")
            return
        self._flush()
        self._check_client()
        self._arm_retransmission()

    def _read(self) -> None:
        # Data channels are not offered, so there is nothing to read but alerts and repeated flights,
        # which OpenSSL answers.
        while True:
            self._connection.recv(MTU)

    def _check_client(self) -> None:
        if not self._finished or self._expected is None or self.state is not DtlsState.CONNECTING:
            return
        if not matches(self._connection, self._expected):
            self._farewell()
            self._fail("wrong_fingerprint")
            return
        keys = export_keys(self._connection)
        if keys is None:
            self._farewell()
            self._fail("no_srtp_profile")
            return
        self._cancel(self._deadline)
        self._on_keys(keys)
        self._become(DtlsState.CONNECTED, keys.profile)

    def _flush(self) -> None:
        datagrams = list(split_flight(drain(self._connection)))
        if not datagrams:
            return
        for datagram in datagrams:
            self._send(datagram)
        self._cancel(self._repeat)
        if not self._finished:
            self._repeat_later(datagrams, _REPEATS)

    def _repeat_later(self, datagrams: Sequence[bytes], delays: Sequence[float]) -> None:
        def repeat() -> None:
            for datagram in datagrams:
                self._send(datagram)
            self._repeat_later(datagrams, delays[1:])

        if delays:
            self._repeat = asyncio.get_running_loop().call_later(delays[0], repeat)

    def _arm_retransmission(self) -> None:
        self._cancel(self._retransmission)
        seconds = self._connection.DTLSv1_get_timeout()
        if seconds is not None and not self._finished:
            loop = asyncio.get_running_loop()
            self._retransmission = loop.call_later(seconds, self._retransmit)

    def _retransmit(self) -> None:
        try:
            self._connection.DTLSv1_handle_timeout()
        except SSL.Error:
            self._fail("handshake_timeout")
            return
        self._flush()
        self._arm_retransmission()

    def _farewell(self) -> None:
        try:
            self._connection.shutdown()
        except SSL.Error:
            return  # nothing to say goodbye to before the handshake is done
        self._flush()

    def _fail(self, reason: str) -> None:
        self._become(DtlsState.FAILED, reason)

    def _become(self, state: DtlsState, reason: str) -> None:
        self.state = state
        if state in (DtlsState.FAILED, DtlsState.CLOSED):
            for timer in (self._deadline, self._retransmission, self._repeat):
                self._cancel(timer)
        self._on_state(state, reason)

    @staticmethod
    def _cancel(timer: asyncio.TimerHandle | None) -> None:
        if timer is not None:
            timer.cancel()


def strongest_fingerprints(fingerprints: Iterable[DtlsFingerprint]) -> tuple[DtlsFingerprint, ...]:
    """Those with the strongest hash we accept, normalised. Raises MediaError when there are none."""
    known = [DtlsFingerprint(one.algorithm.lower(), one.value.upper()) for one in fingerprints]
    for algorithm in _HASHES:
        chosen = tuple(one for one in known if one.algorithm == algorithm)
        if chosen:
            return chosen
    raise MediaError(f"a fingerprint with one of {', '.join(_HASHES)} is needed")


def matches(connection: SSL.Connection, expected: Sequence[DtlsFingerprint]) -> bool:
    """Whether the client's certificate has one of the fingerprints, which share one hash."""
    certificate = connection.get_peer_certificate()
    if certificate is None:
        return False
    digest = certificate.digest(expected[0].algorithm.replace("-", ""))
    # Every one is compared, each in constant time.
    found = [hmac.compare_digest(digest, one.value.encode()) for one in expected]
    return any(found)


def export_keys(connection: SSL.Connection) -> SrtpKeys | None:
    """Keys of both directions as the server sees them; None when no SRTP profile was agreed on."""
    name = connection.get_selected_srtp_profile()
    if not name:
        return None
    profile = SrtpProfile(name.decode())
    key, salt = KEY_LENGTHS[profile]
    material = connection.export_keying_material(_EXPORTER, 2 * (key + salt))
    # client key, server key, client salt, server salt
    client_key, server_key, client_salt, server_salt = struct.unpack(f"{key}s{key}s{salt}s{salt}s", material)
    return SrtpKeys(profile, client_key, client_salt, server_key, server_salt)


def drain(connection: SSL.Connection) -> bytes:
    """What OpenSSL wants sent: whole records, one behind the other."""
    flight = b""
    while True:
        try:
            flight += connection.bio_read(65536)
        except SSL.WantReadError:
            return flight


def split_flight(flight: bytes, mtu: int = MTU) -> Iterable[bytes]:
    """Packs records into datagrams: a memory BIO doesn't keep their borders, and a record may not be cut.

    OpenSSL keeps each record within the MTU; one that is longer goes alone.
    """
    datagram = b""
    while flight:
        (length,) = struct.unpack_from("!H", flight, 11)
        record, flight = flight[: _RECORD_HEADER + length], flight[_RECORD_HEADER + length :]
        if datagram and len(datagram) + len(record) > mtu:
            yield datagram
            datagram = b""
        datagram += record
    if datagram:
        yield datagram
