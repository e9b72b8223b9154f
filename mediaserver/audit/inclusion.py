"""Proof that an entry is in a tree, RFC 9162 section 2.1.3."""

from __future__ import annotations

from collections.abc import Sequence

from mediaserver.audit.hashing import node_hash, split, tree_hash


def inclusion_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """PATH(index, leaves) of section 2.1.3.1: the hashes beside the way from the leaf to the root.

    `leaves`: the leaf hashes of the whole tree. Raises IndexError when there is no such leaf.
    """
    if not 0 <= index < len(leaves):
        raise IndexError("there is no such leaf")
    if len(leaves) == 1:
        return []
    middle = split(len(leaves))
    if index < middle:
        return [*inclusion_proof(leaves[:middle], index), tree_hash(leaves[middle:])]
    return [*inclusion_proof(leaves[middle:], index - middle), tree_hash(leaves[:middle])]


def proves_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether `path` shows that the leaf hash stands at `index` of the tree of `size` with that root:
    the steps of section 2.1.3.2. False for any input that doesn't fit.
    """
    if not 0 <= index < size:
        return False
    first, last = index, size - 1
    result = leaf
    for sibling in path:
        if last == 0:
            return False
        if first & 1 or first == last:
            result = node_hash(sibling, result)
            while not first & 1 and first:
                first, last = first >> 1, last >> 1
        else:
            result = node_hash(result, sibling)
        first, last = first >> 1, last >> 1
    return last == 0 and result == root
