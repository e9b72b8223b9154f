"""RFC 9162's tree, against the vectors that the certificate transparency projects share."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediaserver.audit.consistency import consistency_proof, proves_consistency
from mediaserver.audit.frontier import Frontier
from mediaserver.audit.hashing import EMPTY_ROOT, leaf_hash, node_hash, tree_hash
from mediaserver.audit.inclusion import inclusion_proof, proves_inclusion

ENTRIES = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
LEAVES = [leaf_hash(bytes.fromhex(entry)) for entry in ENTRIES]
INCLUSION = {
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        ROOTS[3],
    ],
    (2, 3): [ROOTS[1]],
    (1, 5): [
        ROOTS[0],
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
CONSISTENCY = {
    (1, 1): [],
    (1, 8): INCLUSION[0, 8],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        ROOTS[3],
    ],
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}

SIZES = st.integers(1, 70)


def leaves(size: int) -> list[bytes]:
    return [leaf_hash(str(n).encode()) for n in range(size)]


def test_leaves_and_nodes_are_hashed_apart() -> None:
    assert leaf_hash(b"e") == sha256(b"\x00e").digest()
    assert node_hash(b"l" * 32, b"r" * 32) == sha256(b"\x01" + b"l" * 32 + b"r" * 32).digest()
    assert sha256().digest() == EMPTY_ROOT == tree_hash([]) == Frontier().root()


def test_roots_are_the_known_ones() -> None:
    frontier = Frontier()
    for size, root in enumerate(ROOTS, 1):
        frontier.append(LEAVES[size - 1])
        assert frontier.root().hex() == root
        assert tree_hash(LEAVES[:size]).hex() == root


@pytest.mark.parametrize(("index", "size"), INCLUSION)
def test_inclusion_proofs_are_the_known_ones(index: int, size: int) -> None:
    assert [step.hex() for step in inclusion_proof(LEAVES[:size], index)] == INCLUSION[index, size]


@pytest.mark.parametrize(("first", "second"), CONSISTENCY)
def test_consistency_proofs_are_the_known_ones(first: int, second: int) -> None:
    assert [step.hex() for step in consistency_proof(LEAVES[:second], first)] == CONSISTENCY[first, second]


def test_the_frontier_gives_the_root_of_the_definition_at_every_size_and_survives_its_dump() -> None:
    all_leaves = leaves(300)
    frontier = Frontier()
    for size, leaf in enumerate(all_leaves, 1):
        frontier.append(leaf)
        frontier = Frontier.load(size, frontier.dump())
        assert frontier.size == size
        assert frontier.root() == tree_hash(all_leaves[:size])


@pytest.mark.parametrize(("size", "data"), [(1, b""), (3, b"x" * 32), (2, b"x" * 33), (-1, b"")])
def test_a_frontier_that_does_not_fit_its_size_is_refused(size: int, data: bytes) -> None:
    with pytest.raises(ValueError):
        Frontier.load(size, data)


@settings(deadline=None)
@given(SIZES, st.data())
def test_an_inclusion_proof_shows_its_leaf_and_nothing_else(size: int, data: st.DataObject) -> None:
    tree = leaves(size)
    index = data.draw(st.integers(0, size - 1))
    root, path = tree_hash(tree), inclusion_proof(tree, index)
    assert proves_inclusion(tree[index], index, size, path, root)
    assert not proves_inclusion(leaf_hash(b"other"), index, size, path, root)
    assert not proves_inclusion(tree[index], index, size, path, EMPTY_ROOT)
    assert not proves_inclusion(tree[index], index, size, [*path, root], root)
    assert not proves_inclusion(tree[index], size, size, path, root)
    assert not proves_inclusion(tree[index], -1, size, path, root)
    if path:
        assert not proves_inclusion(tree[index], index, size, path[:-1], root)
        step = data.draw(st.integers(0, len(path) - 1))
        forged = [*path[:step], bytes(32), *path[step + 1 :]]
        assert not proves_inclusion(tree[index], index, size, forged, root)
        other = data.draw(st.integers(0, size - 1).filter(lambda n: n != index))
        assert not proves_inclusion(tree[index], other, size, path, root)


@settings(deadline=None)
@given(SIZES, st.data())
def test_a_consistency_proof_shows_growth_and_nothing_else(second: int, data: st.DataObject) -> None:
    tree = leaves(second)
    first = data.draw(st.integers(1, second))
    old, new = tree_hash(tree[:first]), tree_hash(tree)
    path = consistency_proof(tree, first)
    assert proves_consistency(first, old, second, new, path)
    rewritten = [*tree[: first - 1], leaf_hash(b"other")]
    assert not proves_consistency(first, tree_hash(rewritten), second, new, path)
    assert not proves_consistency(first, old, second, tree_hash([*tree, old]), path)
    assert not proves_consistency(first, old, second, new, [*path, new])
    assert not proves_consistency(0, old, second, new, path)
    assert not proves_consistency(second + 1, old, second, new, path)
    if path:
        assert not proves_consistency(first, old, second, new, path[:-1])
        step = data.draw(st.integers(0, len(path) - 1))
        assert not proves_consistency(first, old, second, new, [*path[:step], bytes(32), *path[step + 1 :]])


def test_there_is_no_proof_of_what_is_not_there() -> None:
    with pytest.raises(IndexError):
        inclusion_proof(LEAVES, 8)
    with pytest.raises(IndexError):
        inclusion_proof([], 0)
    for first in (0, 9):
        with pytest.raises(ValueError):
            consistency_proof(LEAVES, first)
