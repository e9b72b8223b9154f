"""Proof that a tree only grew, RFC 9162 section 2.1.4: what a remote witness asks before it takes a head."""

from __future__ import annotations

from collections.abc import Sequence

from mediaserver.audit.hashing import node_hash, split, tree_hash


def consistency_proof(leaves: Sequence[bytes], first: int) -> list[bytes]:
    """PROOF(first, leaves) of section 2.1.4.1: that the tree of all leaves begins with the first `first`.

    `leaves`: leaf hashes. Raises ValueError unless 0 < first <= len(leaves).
    """
    if not 0 < first <= len(leaves):
        raise ValueError("a proof is from a tree of at least one entry to one as large or larger")
    return _subproof(leaves, first, whole=True)


def _subproof(leaves: Sequence[bytes], first: int, *, whole: bool) -> list[bytes]:
    if first == len(leaves):
        return [] if whole else [tree_hash(leaves)]
    middle = split(len(leaves))
    if first <= middle:
        return [*_subproof(leaves[:middle], first, whole=whole), tree_hash(leaves[middle:])]
    return [*_subproof(leaves[middle:], first - middle, whole=False), tree_hash(leaves[:middle])]


def proves_consistency(
    first: int, first_root: bytes, second: int, second_root: bytes, path: Sequence[bytes]
) -> bool:
    """Whether `path` shows that the tree of `second` entries begins with that of `first`: the steps of
    section 2.1.4.2. False for any input that doesn't fit.
    """
    if not 0 < first <= second:
        return False
    if first == second:
        return not path and first_root == second_root
    steps = list(path)
    if first & (first - 1) == 0:
        steps.insert(0, first_root)  # a perfect tree is its own first step
    if not steps:
        return False
    low, high = first - 1, second - 1
    while low & 1:
        low, high = low >> 1, high >> 1
    old = new = steps[0]
    for sibling in steps[1:]:
        if high == 0:
            return False
        if low & 1 or low == high:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not low & 1 and low:
                low, high = low >> 1, high >> 1
        else:
            new = node_hash(new, sibling)
        low, high = low >> 1, high >> 1
    return high == 0 and old == first_root and new == second_root
