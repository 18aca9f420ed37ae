"""The audit's evidence over HTTP: hashes only, so that checkpoint, keys and tiles are open (contract §9, C2SP tlog-tiles).

Proofs are for accounts with the scope `audit.read`.
"""

import re
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import BeforeValidator, Field, create_model
from starlette.responses import Response

from gateway.audit.checkpoints import (
    TILE_WIDTH,
    encode,
    find_intact_checkpoint,
    key_line,
    prove_prefix,
    prove_row,
    read_tile,
)
from gateway.edge.requests import Body, StrictQuery
from gateway.edge.responses import Answer, add_route, respond
from gateway.errors.requests import NotFound, RequestInvalid, StoreUnavailable
from gateway.oauth.web import Call, Checks, gateway_of

_OPEN = "/.well-known/audit"
_SCOPE = "audit.read"
_PART = r"(?:0|[1-9]\d{0,2})"
_TILE = re.compile(rf"(\d{{1,2}})/((?:x\d{{3}}/)*\d{{3}})(?:\.p/({_PART}))?")
_HIGHEST_LEVEL = 6


def _parse_number(text: object) -> int:
    """Return a whole number that a query has as text."""
    if not isinstance(text, str) or not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise ValueError("a whole number of at most 18 digits")
    return int(text)


RowNumber = Annotated[int, BeforeValidator(_parse_number), Field(ge=0)]


class RowQuery(Body):
    """The query of an inclusion proof."""

    row: Annotated[RowNumber, Field(description="Counted from 1.")]
    tree_size: Annotated[
        RowNumber | None,
        Field(description="The tree's number of rows; by default that of the last checkpoint."),
    ] = None


_names: dict[str, Any] = {"from": (RowNumber, ...), "to": (RowNumber, ...)}  # `from` is a keyword
TreesQuery: type[Body] = create_model(
    "TreesQuery", __base__=Body, __doc__="The query of a consistency proof.", **_names
)


class CheckpointAnswer(Answer):
    """The last signed checkpoint; `root` is base64, `note` is what `/.well-known/audit/checkpoint` gives."""

    origin: str
    size: int
    root: str
    note: str


class InclusionAnswer(Answer):
    """The proof that a row is in the tree; hashes are base64, from the leaf upwards (RFC 9162 §2.1.3.1)."""

    row: int
    leaf_index: int
    tree_size: int
    leaf_hash: str
    hashes: list[str]
    note: str


_answer_names: dict[str, Any] = {"from": (int, ...), "to": (int, ...), "hashes": (list[str], ...)}
ConsistencyAnswer: type[Answer] = create_model(
    "ConsistencyAnswer",
    __base__=Answer,
    __doc__="The proof that a smaller tree is a prefix of a larger one (RFC 9162 §2.1.4.1); hashes are base64.",
    **_answer_names,
)


def build_router() -> APIRouter:
    """Return the open routes and those of accounts."""
    router = APIRouter()
    add, refused = partial(add_route, router, "GET"), (NotFound, StoreUnavailable)
    summary = "The last signed checkpoint (C2SP note)"
    add(f"{_OPEN}/checkpoint", _get_checkpoint, summary, "text/plain", *refused)
    summary = "The public keys of checkpoints, also retired ones"
    add(f"{_OPEN}/key", _get_checkpoint_keys, summary, "text/plain", *refused)
    path, summary = f"{_OPEN}/tile/{{tile:path}}", "Hashes of the tree (C2SP tlog-tiles)"
    add(path, _get_tile, summary, "application/octet-stream", *refused)
    prefix, for_accounts = "/{profile}/v1/audit", (NotFound, RequestInvalid, StoreUnavailable)
    path, summary = f"{prefix}/checkpoints/latest", "The last signed checkpoint"
    add(path, _get_latest_checkpoint, summary, CheckpointAnswer, *for_accounts)
    path, summary = f"{prefix}/proofs/inclusion", "A row is in the tree"
    add(path, _prove_inclusion, summary, InclusionAnswer, *for_accounts)
    path, summary = f"{prefix}/proofs/consistency", "The tree only grew"
    add(path, _prove_consistency, summary, ConsistencyAnswer, *for_accounts)
    return router


async def _get_checkpoint(request: Request) -> Response:
    found = await find_intact_checkpoint(gateway_of(request).deps.database)
    if found is None:
        raise NotFound
    return Response(found.note, media_type="text/plain; charset=utf-8")


async def _get_checkpoint_keys(request: Request) -> Response:
    gateway = gateway_of(request)
    found = await find_intact_checkpoint(gateway.deps.database)
    if found is None:
        raise NotFound
    async with gateway.deps.database.read() as transaction:
        keys = (await gateway.vault.read_checkpoint_keys(transaction)).keys
    lines = "".join(f"{key_line(found.origin, key)}\n" for key in keys)
    return Response(lines, media_type="text/plain; charset=utf-8")


async def _get_tile(request: Request, tile: str) -> Response:
    """Answer `L/N` or `L/N.p/W`, N in groups of three digits, each but the last with an x before."""
    found = _TILE.fullmatch(tile)
    if found is None or int(found[1]) > _HIGHEST_LEVEL or found[1] != str(int(found[1])):
        raise NotFound
    groups = found[2].replace("x", "").split("/")
    if len(groups) > 6 or (len(groups) > 1 and groups[0] == "000"):
        raise NotFound
    width = TILE_WIDTH if found[3] is None else int(found[3])
    if found[3] is not None and not 1 <= width < TILE_WIDTH:
        raise NotFound
    hashes = await read_tile(
        gateway_of(request).deps.database, level=int(found[1]), index=int("".join(groups)), width=width
    )
    return Response(hashes, media_type="application/octet-stream")


async def _get_latest_checkpoint(
    call: Annotated[Call[Body], Depends(Checks(_SCOPE, StrictQuery(Body)))],
) -> Response:
    found = await find_intact_checkpoint(call.deps.database)
    if found is None:
        raise NotFound
    (root,) = encode([found.root])
    return respond(CheckpointAnswer(origin=found.origin, size=found.size, root=root, note=found.note))


async def _prove_inclusion(
    call: Annotated[Call[RowQuery], Depends(Checks(_SCOPE, StrictQuery(RowQuery)))],
) -> Response:
    found, checkpoint = await prove_row(call.deps.database, call.body.row, size=call.body.tree_size)
    (leaf,) = encode([found.leaf])
    return respond(
        InclusionAnswer(
            row=found.row,
            leaf_index=found.row - 1,
            tree_size=found.size,
            leaf_hash=leaf,
            hashes=encode(found.hashes),
            note=checkpoint.note,
        )
    )


async def _prove_consistency(
    call: Annotated[Call[Body], Depends(Checks(_SCOPE, StrictQuery(TreesQuery)))],
) -> Response:
    asked = call.body.model_dump()
    hashes = await prove_prefix(call.deps.database, former=asked["from"], size=asked["to"])
    return respond(ConsistencyAnswer.model_validate(asked | {"hashes": encode(hashes)}))
