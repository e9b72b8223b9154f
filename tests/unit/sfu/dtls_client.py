"""A DTLS client on memory for the tests: what a browser does, with every knob turnable."""

from __future__ import annotations

from OpenSSL import SSL

from sfu.certificate import DtlsCertificate
from sfu.dtls import drain, split_flight

OFFER = b"SRTP_AEAD_AES_256_GCM:SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80"


class DtlsClient:
    """Give `receive` what the server sent; it returns what to send back."""

    def __init__(
        self,
        *,
        profiles: bytes | None = OFFER,
        certificate: DtlsCertificate | None = None,
        anonymous: bool = False,
        mtu: int = 1200,
    ) -> None:
        self.certificate = certificate or DtlsCertificate.create()
        context = SSL.Context(SSL.DTLS_CLIENT_METHOD)
        if not anonymous:
            context.use_certificate(self.certificate.certificate)
            context.use_privatekey(self.certificate.key)
        context.set_verify(SSL.VERIFY_NONE, lambda *_: True)
        if profiles:
            context.set_tlsext_use_srtp(profiles)
        context.set_options(SSL.OP_NO_QUERY_MTU)
        self.connection = SSL.Connection(context, None)
        self.connection.set_connect_state()
        self.connection.set_ciphertext_mtu(mtu)
        self.mtu = mtu
        self.connected = False
        self.closed = False

    def start(self) -> list[bytes]:
        return self._advance()

    def receive(self, datagram: bytes) -> list[bytes]:
        self.connection.bio_write(datagram)
        return self._advance()

    def close(self) -> list[bytes]:
        self.connection.shutdown()
        return list(split_flight(drain(self.connection), self.mtu))

    def _advance(self) -> list[bytes]:
        try:
            if self.connected:
                self.connection.recv(1500)
            else:
                self.connection.do_handshake()
                self.connected = True
        except SSL.WantReadError:
            pass
        except SSL.ZeroReturnError:
            self.closed = True
        return list(split_flight(drain(self.connection), self.mtu))

    def export(self, length: int) -> bytes:
        return self.connection.export_keying_material(b"EXTRACTOR-dtls_srtp", length)
