"""The Merkle tree: the vectors of RFC 6962's implementations, and proofs of every tree of up to 70 leaves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit.tree import (
    EMPTY_ROOT,
    Frontier,
    ProofInvalid,
    SubtreeRoot,
    leaf_hash,
    node_hash,
    prove_consistency,
    prove_inclusion,
    root_of,
    verify_inclusion,
)
from tests.kit.audit import verify_consistency

# The leaves and roots of certificate-transparency's merkle_tree_test, which RFC 6962's authors wrote.
LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
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
INCLUSION = {  # (leaf, size), both from 1, as the vectors of that test
    (1, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (6, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (3, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    (2, 5): [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
CONSISTENCY = {
    (1, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}

KNOWN = [leaf_hash(bytes.fromhex(each)) for each in LEAVES]
MANY = [leaf_hash(str(number).encode()) for number in range(70)]


def tree_of(leaves: list[bytes]) -> Frontier:
    tree = Frontier()
    for leaf in leaves:
        tree.append(leaf)
    return tree


def by_definition(leaves: list[bytes]) -> bytes:
    """Return RFC 9162's MTH of leaf hashes, word for word."""
    if not leaves:
        return EMPTY_ROOT
    if len(leaves) == 1:
        return leaves[0]
    middle = 1
    while middle * 2 < len(leaves):
        middle *= 2
    return node_hash(by_definition(leaves[:middle]), by_definition(leaves[middle:]))


def reader(leaves: list[bytes]) -> SubtreeRoot:
    async def read(level: int, index: int) -> bytes:
        return by_definition(leaves[index << level : (index + 1) << level])

    return read


@pytest.mark.parametrize("size", range(1, 9))
def test_the_root_of_each_size_is_that_of_the_known_tree(size: int) -> None:
    assert tree_of(KNOWN[:size]).root().hex() == ROOTS[size - 1]


def test_the_root_of_no_leaves_is_the_hash_of_nothing() -> None:
    assert Frontier().root().hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize(("leaf", "size"), INCLUSION)
async def test_an_inclusion_proof_is_that_of_the_known_tree(leaf: int, size: int) -> None:
    path = await prove_inclusion(leaf - 1, size, reader(KNOWN))
    assert [each.hex() for each in path] == INCLUSION[leaf, size]


@pytest.mark.parametrize(("former", "size"), CONSISTENCY)
async def test_a_consistency_proof_is_that_of_the_known_tree(former: int, size: int) -> None:
    path = await prove_consistency(former, size, reader(KNOWN))
    assert [each.hex() for each in path] == CONSISTENCY[former, size]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 9, 31, 33, 64, 70])
async def test_every_leaf_and_every_former_tree_is_proved_and_nothing_else(size: int) -> None:
    leaves, read = MANY[:size], reader(MANY[:size])
    root = by_definition(leaves)
    for index, leaf in enumerate(leaves):
        path = await prove_inclusion(index, size, read)
        verify_inclusion(leaf, index, size, path, root)
        for wrong in ((index + 1, size, path), (index, size, [*path, leaf]), (index, size, path[:-1])):
            if wrong != (index, size, path):
                with pytest.raises(ProofInvalid):
                    verify_inclusion(leaf, *wrong, root)
    for former in range(1, size + 1):
        path = await prove_consistency(former, size, read)
        before = by_definition(leaves[:former])
        verify_consistency(former, size, path, before, root)
        with pytest.raises(ProofInvalid):
            verify_consistency(former, size, path, leaf_hash(b"other"), root)
        with pytest.raises(ProofInvalid):
            verify_consistency(former, size, [*path, root], before, root)


@given(st.lists(st.binary(min_size=32, max_size=32), max_size=600), st.data())
def test_a_frontier_taken_up_again_anywhere_has_the_roots_of_the_whole(
    leaves: list[bytes], data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(leaves)))
    first = tree_of(leaves[:cut])
    second = Frontier(first.size, first.hashes)
    for leaf in leaves[cut:]:
        second.append(leaf)
    assert second.root() == by_definition(leaves)
    completed = [*first.completed, *second.completed]
    assert completed == [
        (1, index, by_definition(leaves[index * 256 : index * 256 + 256]))
        for index in range(len(leaves) // 256)
    ]


async def test_the_root_of_a_part_is_that_of_a_tree_of_its_own() -> None:
    assert await root_of(32, 63, reader(MANY)) == by_definition(MANY[32:63])


@pytest.mark.parametrize(("index", "size"), [(0, 0), (-1, 5), (5, 5)])
async def test_a_leaf_outside_the_tree_has_no_proof(index: int, size: int) -> None:
    with pytest.raises(ValueError, match=str(index)):
        await prove_inclusion(index, size, reader(MANY))
    with pytest.raises(ProofInvalid):
        verify_inclusion(MANY[0], index, size, [], MANY[0])


@pytest.mark.parametrize(("former", "size"), [(0, 5), (6, 5), (-1, 5)])
async def test_a_tree_that_is_no_former_one_has_no_proof(former: int, size: int) -> None:
    with pytest.raises(ValueError, match=str(former)):
        await prove_consistency(former, size, reader(MANY))
    with pytest.raises(ProofInvalid):
        verify_consistency(former, size, [], MANY[0], MANY[0])


def test_a_frontier_with_another_number_of_hashes_is_refused() -> None:
    with pytest.raises(ValueError, match="3"):
        Frontier(3, [MANY[0]])


def test_leaves_added_together_make_the_tree_of_leaves_added_one_by_one() -> None:
    leaves = [leaf_hash(str(number).encode()) for number in range(600)]
    for before in (0, 1, 5, 255, 256, 300):
        for more in (0, 1, 2, 7, 128, 300):
            together, one_by_one = tree_of(leaves[:before]), tree_of(leaves[: before + more])
            together.extend(leaves[before : before + more])
            assert together.size == one_by_one.size
            assert together.hashes == one_by_one.hashes
            assert together.completed == one_by_one.completed


def test_subtrees_of_two_levels_are_completed_in_the_order_of_their_last_leaves() -> None:
    size = 256 * 256 - 256
    levels = (size >> level & 1 for level in range(16, -1, -1))
    hashes = [leaf_hash(bytes([place])) for place, bit in enumerate(levels) if bit]
    together, one_by_one = Frontier(size, hashes), Frontier(size, hashes)
    leaves = [leaf_hash(str(number).encode()) for number in range(520)]
    together.extend(leaves)
    for leaf in leaves:
        one_by_one.append(leaf)
    assert [level for level, _, _ in one_by_one.completed] == [1, 2, 1]
    assert together.completed == one_by_one.completed
