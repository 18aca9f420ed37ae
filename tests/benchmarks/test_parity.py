"""No variant of C06 makes the gateway give a wrong answer, and the page of results is current."""

import pytest

from benchmarks.parity.__main__ import PAGE, run_all
from benchmarks.parity.combinations import make_rows, settings_of
from benchmarks.parity.job import Judgement, Step
from benchmarks.parity.page import judge, write_page
from mock_c06.accounts.model import NAMES
from mock_c06.parity.ledger import load_ledger


async def test_no_combination_gets_a_wrong_answer_and_the_page_is_current() -> None:
    results = await run_all(make_rows())
    wrong = [(row, step) for row, steps in results for step in steps if step.judgement is Judgement.WRONG]
    assert wrong == []
    assert PAGE.read_text(encoding="utf-8") == write_page(load_ledger(), results), "run `make parity`"


def test_every_switch_is_on_in_some_row_and_off_in_another() -> None:
    rows = make_rows()
    assert {name: {row[name] for row in rows} for name in NAMES} == {name: {True, False} for name in NAMES}


def test_the_gateway_gets_the_settings_that_an_operator_would_find() -> None:
    row: dict[str, str | bool] = dict.fromkeys(NAMES, False)
    row |= {"seconds": True, "hyphens_only": True, "dialect": "soap"}
    assert settings_of(row) == {"timestamp_unit": "s", "date_form": "yyyy-MM-dd"}


@pytest.mark.parametrize(
    ("judgements", "said"),
    [
        ((Judgement.RIGHT, Judgement.RIGHT), "correct"),
        ((Judgement.RIGHT, Judgement.REFUSED), "refused safely: step (why)"),
        ((Judgement.WRONG, Judgement.REFUSED), "**wrong**: step (why)"),
    ],
)
def test_a_combination_has_the_result_of_its_worst_step(judgements: tuple[Judgement, ...], said: str) -> None:
    assert judge([Step(name="step", judgement=judgement, said="why") for judgement in judgements]) == said
