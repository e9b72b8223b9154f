"""Which addresses are announced, and with which priority."""

from __future__ import annotations

import pytest

from sfu.candidates import Interface, announced_addresses, candidate_priority, host_candidates

INTERFACES: list[Interface] = [
    ("lo", "127.0.0.1", True),
    ("eth0", "192.0.2.1", False),
    ("eth1", "198.51.100.1", False),
    ("lo", "::1", True),
    ("eth0", "2001:db8::1", False),
    ("eth0", "fe80::1", False),
]


@pytest.mark.parametrize(
    ("hosts", "loopback", "expected"),
    [
        (["0.0.0.0"], False, ["192.0.2.1", "198.51.100.1"]),
        (["0.0.0.0"], True, ["127.0.0.1", "192.0.2.1", "198.51.100.1"]),
        (["0.0.0.0", "::"], False, ["192.0.2.1", "2001:db8::1", "198.51.100.1"]),
        (["::"], False, ["192.0.2.1", "2001:db8::1", "198.51.100.1"]),
        (["127.0.0.1"], False, ["127.0.0.1"]),
        (["::1", "127.0.0.1"], False, ["127.0.0.1", "::1"]),
        (["198.51.100.1", "::"], False, ["198.51.100.1", "2001:db8::1"]),
        (["0.0.0.0", "192.0.2.1"], False, ["192.0.2.1", "198.51.100.1"]),
    ],
)
def test_what_is_bound_is_announced(hosts: list[str], loopback: bool, expected: list[str]) -> None:
    assert list(announced_addresses(hosts, INTERFACES, loopback=loopback)) == expected


def test_a_machine_with_loopback_alone_announces_that() -> None:
    assert announced_addresses(["0.0.0.0"], INTERFACES[:1], loopback=False) == ("127.0.0.1",)


def test_priorities_are_of_rfc_8445() -> None:
    assert candidate_priority(65535) == 126 * 2**24 + 65535 * 2**8 + 255 == 2130706431
    first, second = host_candidates(["192.0.2.1", "2001:db8::1"], 5000)
    assert first.priority > second.priority
    assert first.foundation != second.foundation
    assert (second.address, second.port, second.protocol, second.type) == ("2001:db8::1", 5000, "udp", "host")
