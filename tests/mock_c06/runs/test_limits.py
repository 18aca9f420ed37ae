"""What a run keeps is limited: entries, tokens, request codes, runs; and no assertion passes over what was dropped."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from mock_c06.app import MockRegistry
from mock_c06.errors import TooManyRuns
from mock_c06.journal import Entry, EntryFilter, Journal, Outcome, judge_count, judge_never
from mock_c06.login.admission import MAX_REQUEST_CODES, MAX_TOKENS, CallMemory, IssuedToken
from mock_c06.runs.run import MAX_RUNS, Runs
from mock_c06.runs.world import PeopleIndex
from tests.kit.clocks import StillClock


def entry(journal: Journal) -> Entry:
    n = journal.next_number()
    return Entry(
        n=n,
        at="2026-11-24T01:00:00.000Z",
        environment="test",
        operation=None,
        account=None,
        ma_yeu_cau=None,
        outcome=Outcome.FOUND,
        code=None,
        fault=None,
        subject=None,
        body_sha256="",
    )


def test_a_full_journal_drops_its_oldest_entry_and_numbers_go_on() -> None:
    journal = Journal(limit=3)
    for _ in range(5):
        journal.append(entry(journal))
    assert [each.n for each in journal.entries()] == [3, 4, 5]
    assert [each.n for each in journal.entries(EntryFilter(after=4))] == [5]
    assert (journal.dropped, journal.next_number()) == (2, 6)


def test_no_assertion_passes_over_calls_that_the_journal_dropped() -> None:
    journal = Journal(limit=3)
    for _ in range(5):
        journal.append(entry(journal))
    missing = EntryFilter(account="nobody")
    judged = [
        judge_never(journal, missing),
        judge_count(journal, missing, at_least=0, at_most=0),
        judge_count(journal, EntryFilter(), at_least=5, at_most=None),
    ]
    assert [each.passed for each in judged] == [False] * 3
    assert "has dropped its 2 oldest calls" in judged[0].reason
    assert judge_count(journal, EntryFilter(), at_least=2, at_most=None).passed
    journal.clear()
    assert judge_never(journal, missing).passed


def test_the_oldest_token_and_request_code_go_where_there_are_too_many() -> None:
    memory, now = CallMemory(), datetime(2026, 11, 24, tzinfo=UTC)
    issued = IssuedToken(account="a", expires_at=now + timedelta(hours=1))
    for n in range(MAX_TOKENS + 1):
        memory.keep_token(f"token-{n}", issued)
    for n in range(MAX_REQUEST_CODES + 1):
        memory.keep_answer(("a", str(n)), None)
    assert (len(memory.tokens), "token-0" in memory.tokens) == (MAX_TOKENS, False)
    assert (len(memory.answers), ("a", "0") in memory.answers) == (MAX_REQUEST_CODES, False)


def test_no_more_runs_are_made_than_the_mock_keeps(clock: StillClock) -> None:
    runs = Runs(base=PeopleIndex(()), clock=clock)
    for n in range(MAX_RUNS - 1):
        runs.create(f"run-{n}")
    with pytest.raises(TooManyRuns):
        runs.create("one-more")
    runs.drop("run-0")
    assert runs.create("one-more").name == "one-more"


async def test_a_refusal_of_a_run_too_many_says_what_to_delete(
    control: httpx.AsyncClient, mock: MockRegistry
) -> None:
    for n in range(MAX_RUNS - 1):
        mock.runs.create(f"run-{n}")
    answer = await control.post("/runs", json={"name": "one-more"})
    assert (answer.status_code, "delete those that have ended" in answer.json()["title"]) == (409, True)
