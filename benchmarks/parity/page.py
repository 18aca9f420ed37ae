"""Write docs/parity.md: the ledger, and what became of each combination. The same inputs give the same page."""

from collections.abc import Sequence

from benchmarks.parity.combinations import DIALECT, switches_of
from benchmarks.parity.job import Judgement, Step
from mock_c06.parity.ledger import Behaviour
from mock_c06.parity.pairwise import Row

_HEAD = """# Parity: how far the mock is C06, and what the gateway bears

Written by `make parity`; a test fails when it is stale. C06's server specification is not public, so each behaviour of the mock
is *sourced*, *inferred* or a *guess*, and its other reading is a switch: `mock-c06 serve --switch NAME`, `quirks` of an account,
`PUT /runs/{run}/switches`. The same ledger: `mock-c06 parity`, `GET /parity` of the control face, `mock_c06/parity/ledger.toml`.
Source keys and marks: [`registry.md`](registry.md).
"""
_COMBINATIONS = """
## What the gateway bears

Every two readings meet in at least one of these {rows} combinations (pairwise over the dialect and {switches} switches). In each the gateway
is told by its connection what an operator would have found out (`timestamp_unit`, `date_form`, `integration_codes`), and the
main job is played: token, a right and a wrong claim, three forms filled, a renamed person, an unlicensed procedure, a throttled
and a suspended account.

*borne*: every step as it must be. *refused safely*: some step ended in a problem or left a field to the citizen; nothing false was said.
*wrong*: something false was said; `make parity` then exits 1.

| # | dialect | switches | found |
|---|---|---|---|
"""


def write_page(ledger: Sequence[Behaviour], results: Sequence[tuple[Row, Sequence[Step]]]) -> str:
    """Give the whole page."""
    lines = [
        _HEAD,
        "\n## Ledger\n\n",
        "| behaviour | mark | sure | switch | source |\n|---|---|---|---|---|\n",
    ]
    lines += [_behaviour_line(behaviour) for behaviour in ledger]
    switches = sum(behaviour.switch is not None for behaviour in ledger)
    lines.append(_COMBINATIONS.format(rows=len(results), switches=switches))
    lines += [_result_line(number, row, steps) for number, (row, steps) in enumerate(results, 1)]
    return "".join(lines)


def judge(steps: Sequence[Step]) -> str:
    """Say in words what a combination came to."""
    wrong = [step for step in steps if step.judgement is Judgement.WRONG]
    refused = [step for step in steps if step.judgement is Judgement.REFUSED]
    if wrong:
        return "**wrong**: " + _list(wrong)
    return f"refused safely: {_list(refused)}" if refused else "borne"


def _list(steps: Sequence[Step]) -> str:
    return "; ".join(f"{step.name} ({step.said})" for step in steps)


def _behaviour_line(behaviour: Behaviour) -> str:
    switch = (
        f"`{behaviour.switch}`"
        if behaviour.switch
        else (behaviour.fixed and f"none: {behaviour.fixed}") or ""
    )
    return f"| {behaviour.claim} | {behaviour.mark} | {behaviour.sure} | {switch} | {behaviour.source} |\n"


def _result_line(number: int, row: Row, steps: Sequence[Step]) -> str:
    switches = " ".join(f"`{name}`" for name in switches_of(row)) or "none"
    return f"| {number} | {row[DIALECT]} | {switches} | {judge(steps)} |\n"
