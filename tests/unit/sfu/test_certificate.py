"""The certificate is kept, renewed in time, and readable by its owner alone."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from sfu.certificate import DtlsCertificate


def test_it_is_made_once_and_kept(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    first = DtlsCertificate.load_or_create(folder)
    assert DtlsCertificate.load_or_create(folder).fingerprint == first.fingerprint
    (file,) = folder.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_file_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    DtlsCertificate.load_or_create(tmp_path)
    file = tmp_path / "dtls.pem"
    file.chmod(0o644)
    DtlsCertificate.load_or_create(tmp_path)
    assert file.stat().st_mode & 0o777 == 0o600


def test_it_is_renewed_before_it_ends(tmp_path: Path) -> None:
    now = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    first = DtlsCertificate.load_or_create(tmp_path, now)
    later = now + datetime.timedelta(days=334)
    assert DtlsCertificate.load_or_create(tmp_path, later).fingerprint == first.fingerprint
    at_its_end = now + datetime.timedelta(days=336)
    assert DtlsCertificate.load_or_create(tmp_path, at_its_end).fingerprint != first.fingerprint


def test_a_broken_file_is_an_error_and_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "dtls.pem").write_text("not a key")
    with pytest.raises(ValueError):
        DtlsCertificate.load_or_create(tmp_path)
    assert (tmp_path / "dtls.pem").read_text() == "not a key"


def test_two_certificates_differ_and_say_nothing_of_the_server() -> None:
    one, other = DtlsCertificate.create(), DtlsCertificate.create()
    assert one.fingerprint != other.fingerprint
    assert one.certificate.subject.rfc4514_string() == "CN=WebRTC"
