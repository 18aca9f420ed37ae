"""The load of the benchmark: which answers it counts, whose processor time, and what it says where a tool is missing."""

import subprocess
import sys
from collections import Counter

import pytest

from benchmarks.faults import Seen, compare
from benchmarks.peers import install_peers
from benchmarks.processes import list_descendants, read_cpu_s
from benchmarks.wrk import ToolMissing, WrongAnswers, find_wrk, read_answers

PRINTED = "\n@answered 10\n@sent 12\n@right 10\n@wrong 0\n@seconds 2.0\n@p50_ms 1.5\n@p99_ms 9.0\n@broken 0\n@late 0\n@example \n"


def test_a_machine_without_wrk_and_apt_is_told_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ToolMissing, match="apt-get install wrk"):
        find_wrk()


def test_a_machine_without_npm_has_no_peers_and_reports_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ToolMissing, match="no node with npm"):
        install_peers()


def test_what_wrk_counted_becomes_a_rate_and_latencies() -> None:
    answers = read_answers(PRINTED, "POST /x")
    assert (answers.sent, answers.per_second, answers.p50_ms, answers.p99_ms) == (12, 5.0, 1.5, 9.0)


@pytest.mark.parametrize(("was", "now"), [("@wrong 0", "@wrong 1"), ("@broken 0", "@broken 2")])
def test_a_wrong_answer_or_a_broken_connection_ends_the_measurement(was: str, now: str) -> None:
    with pytest.raises(WrongAnswers, match="10 right answers"):
        read_answers(PRINTED.replace(was, now), "POST /x")


def test_a_tree_has_the_processor_time_of_its_ended_children() -> None:
    burn = "import time\nwhile time.process_time() < 0.5: pass"
    parent = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {burn!r}])\nprint('done', flush=True)\ninput()"
    with subprocess.Popen(
        [sys.executable, "-c", parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "done\n"
        assert read_cpu_s(process.pid) >= 0.45
        assert list_descendants(process.pid) == []
        process.communicate("\n", timeout=20)


def _row(number: int, kind: str, request: str, code: str | None = None) -> dict[str, object]:
    return {"row": number, "kind": kind, "request_id": request, **({"request_code": code} if code else {})}


GOOD = [_row(1, "intended", "req-1", "c-1"), _row(2, "answered", "req-1", "c-1"), _row(3, "reused", "req-2")]


def _wrong(rows: list[dict[str, object]]) -> Counter[str]:
    seen = Seen(answers=[("req-1", 201, "ver-1"), ("req-2", 200, "ver-2")])
    return Counter({what: number for what, number in compare(rows, seen).items() if what.startswith("wrong")})


def test_answers_with_their_rows_are_no_fault() -> None:
    assert not +_wrong(GOOD)


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        (GOOD[:2], "wrong: answers without their row"),
        (GOOD[1:], "wrong: answers of the registry without the row before the question"),
        ([*GOOD, _row(3, "ended", "req-3")], "wrong: row numbers twice"),
        ([*GOOD, _row(4, "intended", "req-3", "c-1")], "wrong: questions recorded twice"),
    ],
)
def test_a_lost_row_and_a_row_that_is_there_twice_are_counted(
    rows: list[dict[str, object]], fault: str
) -> None:
    assert +_wrong(rows) == Counter({fault: 1})
