"""Our ICE candidates: which addresses to announce, and their priorities."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address

from sfu.types import IceCandidate

Interface = tuple[str, str, bool]
"""Name, address, whether it is a loopback interface."""

Address = IPv4Address | IPv6Address

_HOST_PREFERENCE = 126  # RFC 8445 section 5.1.2.2
_COMPONENT = 1  # RTP; RTCP is multiplexed (RFC 8834)


def candidate_priority(local_preference: int) -> int:
    """Priority of a host candidate (RFC 8445 section 5.1.2.1); `local_preference` is 0..65535."""
    return (_HOST_PREFERENCE << 24) + (local_preference << 8) + (256 - _COMPONENT)


def host_candidates(addresses: Sequence[str], port: int) -> tuple[IceCandidate, ...]:
    """One candidate for each address, preferred in the given order."""
    return tuple(
        IceCandidate(str(index + 1), candidate_priority(65535 - index), address, port)
        for index, address in enumerate(addresses)
    )


def announced_addresses(
    hosts: Iterable[str], interfaces: Iterable[Interface], *, loopback: bool
) -> tuple[str, ...]:
    """Addresses at which sockets bound to `hosts` are reached, IPv4 and IPv6 by turns (RFC 8421).

    A wildcard stands for the interfaces' addresses of its family (a lone `::` for both families),
    without loopback ones unless `loopback` says so or there are no others. Link-local IPv6 addresses are
    left out: a candidate cannot carry the interface they need.
    """
    bound = [ip_address(host) for host in hosts]
    known = list(interfaces)
    own = _reachable(bound, known, loopback) or _reachable(bound, known, True)
    return tuple(str(address) for address in _by_turns(own))


def _reachable(bound: Sequence[Address], interfaces: Sequence[Interface], loopback: bool) -> list[Address]:
    own: list[Address] = []
    for host in bound:
        if not host.is_unspecified:
            own.append(host)
            continue
        versions = (4, 6) if host.version == 6 and len(bound) == 1 else (host.version,)
        own += _interface_addresses(interfaces, versions, loopback)
    return own


def _interface_addresses(
    interfaces: Iterable[Interface], versions: Sequence[int], loopback: bool
) -> list[Address]:
    found = [ip_address(text) for _, text, is_loopback in interfaces if loopback or not is_loopback]
    return [address for address in found if address.version in versions and not address.is_link_local]


def _by_turns(addresses: Iterable[Address]) -> list[Address]:
    unique = dict.fromkeys(addresses)
    ranks: dict[int, int] = {}
    keyed = []
    for address in unique:
        rank = ranks[address.version] = ranks.get(address.version, -1) + 1
        keyed.append((rank, address.version, address))
    return [address for _, _, address in sorted(keyed, key=lambda item: item[:2])]
