"""The server's DTLS certificate. WebRTC trusts it by the fingerprint in the answer, not by who signed it."""

from __future__ import annotations

import datetime
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from sfu.types import DtlsFingerprint

_FILE = "dtls.pem"
_LIFETIME = datetime.timedelta(days=365)
# A certificate this near its end is made anew at the next start; calls don't outlive that.
_RENEW_BEFORE = datetime.timedelta(days=30)


@dataclass(frozen=True)
class DtlsCertificate:
    """An ECDSA P-256 key with its self-signed certificate."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def create(cls, now: datetime.datetime | None = None) -> DtlsCertificate:
        """A new one, valid for a year from `now`."""
        now = now or datetime.datetime.now(datetime.UTC)
        key = ec.generate_private_key(ec.SECP256R1())
        # Nothing about this server: the certificate is seen before anyone is authenticated.
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "WebRTC")])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + _LIFETIME)
            .sign(key, hashes.SHA256())
        )
        return cls(key, certificate)

    @classmethod
    def load_or_create(cls, folder: Path, now: datetime.datetime | None = None) -> DtlsCertificate:
        """The one kept in `folder`, or a new one, kept there readable by the owner alone.

        Raises OSError when the folder cannot be read or written, ValueError when the file is broken.
        """
        now = now or datetime.datetime.now(datetime.UTC)
        path = folder / _FILE
        if path.exists():
            path.chmod(0o600)
            kept = cls._from_pem(path.read_bytes())
            if kept.certificate.not_valid_after_utc - now > _RENEW_BEFORE:
                return kept
        fresh = cls.create(now)
        folder.mkdir(parents=True, exist_ok=True)
        _write_private(path, fresh.pem())
        return fresh

    @classmethod
    def _from_pem(cls, pem: bytes) -> DtlsCertificate:
        key = serialization.load_pem_private_key(pem, password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise ValueError(f"{_FILE} holds no ECDSA key; delete it and a new one is made")
        return cls(key, x509.load_pem_x509_certificate(pem))

    def pem(self) -> bytes:
        """Key and certificate, PEM, unencrypted."""
        key = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return key + self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def fingerprint(self) -> DtlsFingerprint:
        """Its SHA-256 fingerprint (RFC 8122)."""
        return DtlsFingerprint("sha-256", self.certificate.fingerprint(hashes.SHA256()).hex(":").upper())


def _write_private(path: Path, data: bytes) -> None:
    # Written aside and moved, so that a reader never sees half of it and a crash leaves the old one.
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
