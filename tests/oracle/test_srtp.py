"""SRTP of the core against libsrtp, byte by byte: a second opinion beside the RFCs' vectors.

The core speaks through `cargo run --example srtp_oracle` (a line in, a line out). Everything below runs
for the three profiles we negotiate, in both directions.
"""

import os
import random
import shutil
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import pylibsrtp
import pytest

NATIVE = Path(__file__).parents[2] / "sfu" / "native"
SSRC = 0x5EED_CAFE

pytestmark = pytest.mark.timeout(600)  # the first run builds the core


class Profile(NamedTuple):
    """One protection profile: number in the DTLS registry, libsrtp's name, lengths in octets."""

    number: int
    libsrtp: str
    key: int
    salt: int


PROFILES = (
    Profile(1, "SRTP_PROFILE_AES128_CM_SHA1_80", 16, 14),
    Profile(7, "SRTP_PROFILE_AEAD_AES_128_GCM", 16, 12),
    Profile(8, "SRTP_PROFILE_AEAD_AES_256_GCM", 32, 12),
)

Core = Callable[[Iterable[str]], list[bytes]]


@pytest.fixture(scope="session")
def binary() -> Path:
    """The oracle, built."""
    cargo = shutil.which("cargo")
    if cargo is None:
        if os.environ.get("CI"):
            pytest.fail("cargo is missing: the core's SRTP cannot be compared with libsrtp")
        pytest.skip("cargo is missing: install Rust to compare the core's SRTP with libsrtp")
    command = [cargo, "build", "--locked", "--quiet", "--package", "sfu-core", "--example", "srtp_oracle"]
    subprocess.run(command, cwd=NATIVE, check=True, timeout=580)
    target = Path(os.environ.get("CARGO_TARGET_DIR", NATIVE / "target"))
    return target / "debug" / "examples" / "srtp_oracle"


@pytest.fixture(params=PROFILES, ids=lambda profile: profile.libsrtp)
def profile(request: pytest.FixtureRequest) -> Profile:
    chosen: Profile = request.param
    return chosen


@pytest.fixture
def rng(profile: Profile) -> random.Random:
    return random.Random(profile.number)  # noqa: S311 - test packets, the same each time


@pytest.fixture
def master(profile: Profile, rng: random.Random) -> tuple[bytes, bytes]:
    return rng.randbytes(profile.key), rng.randbytes(profile.salt)


@pytest.fixture
def core(binary: Path, profile: Profile, master: tuple[bytes, bytes]) -> Core:
    """Runs lines through a fresh core with the test's keys; gives the octets of each answer."""

    def run(lines: Iterable[str]) -> list[bytes]:
        key, salt = master
        text = "\n".join([f"key {profile.number} {key.hex()} {salt.hex()}", *lines, ""])
        done = subprocess.run([binary], input=text, capture_output=True, text=True, check=True, timeout=60)
        answers = done.stdout.splitlines()
        assert answers[0] == "ok ", answers[0]
        refused = [answer for answer in answers if not answer.startswith("ok ")]
        assert not refused, refused[:3]
        return [bytes.fromhex(answer.removeprefix("ok ")) for answer in answers[1:]]

    return run


def libsrtp(profile: Profile, master: tuple[bytes, bytes], *, outbound: bool) -> pylibsrtp.Session:
    policy = pylibsrtp.Policy(
        key=b"".join(master),
        ssrc_type=pylibsrtp.Policy.SSRC_ANY_OUTBOUND if outbound else pylibsrtp.Policy.SSRC_ANY_INBOUND,
        srtp_profile=getattr(pylibsrtp.Policy, profile.libsrtp),
    )
    policy.window_size = 1024
    return pylibsrtp.Session(policy)


def rtp(rng: random.Random, sequence: int, ssrc: int = SSRC) -> bytes:
    """An RTP packet of random size, some with CSRCs and header extension."""
    csrcs, words = rng.choice([(0, 0), (0, 0), (3, 0), (0, 2), (1, 5)])
    first = 0x80 | csrcs | (0x10 if words else 0)
    header = bytes([first, 0x60]) + (sequence & 0xFFFF).to_bytes(2, "big") + rng.randbytes(4)
    header += ssrc.to_bytes(4, "big") + rng.randbytes(4 * csrcs)
    if words:
        header += b"\xbe\xde" + words.to_bytes(2, "big") + rng.randbytes(4 * words)
    return header + rng.randbytes(rng.choice([0, 1, 15, 16, 17, rng.randrange(1200)]))


def rtcp(rng: random.Random, ssrc: int = SSRC) -> bytes:
    """A sender report of random content, followed by random words."""
    words = rng.randrange(2, 80)
    return (
        b"\x80\xc8" + (words - 1).to_bytes(2, "big") + ssrc.to_bytes(4, "big") + rng.randbytes(4 * words - 8)
    )


def over_wraps(rng: random.Random) -> list[int]:
    """Packet indices over four wraps: dense around each, in jumps between, slightly reordered."""
    indices = [
        index for index in range(100, (4 << 16) + 200) if (index + 60) % 65536 < 120 or index % 9973 == 0
    ]
    indices.sort(key=lambda index: index + rng.choice([0, 0, 0, 5]))
    return indices


def test_libsrtp_opens_our_rtp_and_makes_the_same_octets(
    core: Core, profile: Profile, master: tuple[bytes, bytes], rng: random.Random
) -> None:
    packets = [rtp(rng, index) for index in over_wraps(rng)]
    ours = core(f"protect_rtp {packet.hex()}" for packet in packets)
    inbound = libsrtp(profile, master, outbound=False)
    outbound = libsrtp(profile, master, outbound=True)
    assert [inbound.unprotect(packet) for packet in ours] == packets
    assert ours == [outbound.protect(packet) for packet in packets]


def test_we_open_rtp_of_libsrtp(
    core: Core, profile: Profile, master: tuple[bytes, bytes], rng: random.Random
) -> None:
    packets = [rtp(rng, index) for index in over_wraps(rng)]
    outbound = libsrtp(profile, master, outbound=True)
    theirs = [outbound.protect(packet) for packet in packets]
    assert core(f"unprotect_rtp {packet.hex()}" for packet in theirs) == packets


def test_streams_are_kept_apart(
    core: Core, profile: Profile, master: tuple[bytes, bytes], rng: random.Random
) -> None:
    ssrcs = [0, 1, 0xFFFF_FFFF, SSRC, *(rng.randrange(1 << 32) for _ in range(30))]
    packets = [rtp(rng, 65_500 + step, ssrc) for step in range(0, 100, 7) for ssrc in ssrcs]
    ours = core(f"protect_rtp {packet.hex()}" for packet in packets)
    inbound = libsrtp(profile, master, outbound=False)
    assert [inbound.unprotect(packet) for packet in ours] == packets
    outbound = libsrtp(profile, master, outbound=True)
    theirs = [outbound.protect(packet) for packet in packets]
    assert core(f"unprotect_rtp {packet.hex()}" for packet in theirs) == packets


def test_libsrtp_opens_our_rtcp_and_makes_the_same_octets(
    core: Core, profile: Profile, master: tuple[bytes, bytes], rng: random.Random
) -> None:
    packets = [rtcp(rng) for _ in range(300)]
    ours = core(f"protect_rtcp {packet.hex()}" for packet in packets)
    inbound = libsrtp(profile, master, outbound=False)
    assert [inbound.unprotect_rtcp(packet) for packet in ours] == packets
    # libsrtp counts from 1, we (as RFC 3711 section 3.4 says) from 0.
    outbound = libsrtp(profile, master, outbound=True)
    assert ours[1:] == [outbound.protect_rtcp(packet) for packet in packets[1:]]


def test_we_open_rtcp_of_libsrtp(
    core: Core, profile: Profile, master: tuple[bytes, bytes], rng: random.Random
) -> None:
    packets = [rtcp(rng, ssrc) for _ in range(100) for ssrc in (SSRC, 1, 0xFFFF_FFFF)]
    outbound = libsrtp(profile, master, outbound=True)
    theirs = [outbound.protect_rtcp(packet) for packet in packets]
    assert core(f"unprotect_rtcp {packet.hex()}" for packet in theirs) == packets


def test_libsrtp_refuses_what_we_make_with_another_key(
    core: Core, profile: Profile, master: tuple[bytes, bytes], rng: random.Random
) -> None:
    """The comparison can fail: it is not a test that agrees with everything."""
    key, salt = master
    other = libsrtp(profile, (key, bytes([salt[0] ^ 1]) + salt[1:]), outbound=False)
    (ours,) = core([f"protect_rtp {rtp(rng, 1).hex()}"])
    with pytest.raises(pylibsrtp.Error):
        other.unprotect(ours)
