"""Write docs/parity.md: the ledger, and the result of each combination. The same inputs give the same page."""

from collections.abc import Sequence

from benchmarks.parity.combinations import DIALECT, switches_of
from benchmarks.parity.job import Judgement, Step
from benchmarks.parity.pairwise import Row
from mock_c06.parity.ledger import Behaviour

_HEAD = """# Parity: what the mock imitates of C06, and which readings the gateway works with

`make parity` writes this page; a test fails when it is stale. C06's server specification is not public. So each behaviour of the mock
is *sourced*, *inferred* or a *guess*, and a switch selects its other reading: `mock-c06 serve --switch NAME`, `quirks` of an account,
`PUT /runs/{run}/switches`. `mock-c06 parity`, `GET /parity` of the control face and `mock_c06/parity/ledger.toml` have the same ledger.
[`registry.md`](registry.md) explains sources and marks.
"""
_COMBINATIONS = """
## Which readings the gateway works with

Every pair of readings occurs in at least one of these {rows} combinations (pairwise over the dialect and {switches} switches). In each
combination the connection has the members that an operator would have found out (`timestamp_unit`, `date_form`, `integration_codes`). The
benchmark then does the main job: a token, a right and a wrong claim, three prefills, a renamed person, an unlicensed procedure, a throttled
and a suspended account.

*correct*: every step has the right result. *refused safely*: a step ended in a problem or left a field to the citizen; no answer was
false. *wrong*: an answer was false; `make parity` then exits with 1.

| # | dialect | switches | result |
|---|---|---|---|
"""


def write_page(ledger: Sequence[Behaviour], results: Sequence[tuple[Row, Sequence[Step]]]) -> str:
    """Return the page."""
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
    """Return the result of a combination as text."""
    wrong = [step for step in steps if step.judgement is Judgement.WRONG]
    refused = [step for step in steps if step.judgement is Judgement.REFUSED]
    if wrong:
        return "**wrong**: " + _list(wrong)
    return f"refused safely: {_list(refused)}" if refused else "correct"


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
