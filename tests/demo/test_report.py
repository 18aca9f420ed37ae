"""How the demo reports its steps without a terminal, and which settings its child processes inherit."""

import pytest

from demo.report import Report
from demo.settings import child_environment, may_draw


def test_steps_are_numbered_plain_lines_without_escapes(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report()
    report.step("a step worked", [("verdict", "[green]confirmed[/green]")])
    report.step("another worked", [])
    report.done()
    assert capsys.readouterr().out.splitlines() == [
        "  verdict: [green]confirmed[/green]",
        "step 1 ok: a step worked",
        "step 2 ok: another worked",
        "demo: ok (2 steps)",
    ]


def test_a_failed_step_is_named_by_its_number(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report()
    report.step("a step worked", [])
    report.failed("expected 'x'")
    assert capsys.readouterr().out.splitlines()[-1] == "step 2 FAILED: expected 'x'"


@pytest.mark.parametrize(
    ("variables", "drawn"), [({"TERM": "xterm"}, True), ({"TERM": "dumb"}, False), ({"NO_COLOR": ""}, False)]
)
def test_panels_are_used_only_for_terminals_that_support_them(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], *, drawn: bool
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in ({"TERM": "xterm"} | variables).items():
        monkeypatch.setenv(name, value)
    assert may_draw(is_terminal=True) is drawn
    assert may_draw(is_terminal=False) is False


def test_child_processes_inherit_no_settings_of_our_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_COLOUR", "red")
    monkeypatch.setenv("MOCK_C06_SECRET_SEED", "7")
    found = child_environment(GATEWAY_LOG_FORMAT="json")
    assert {name for name in found if name.startswith(("GATEWAY_", "MOCK_C06_"))} == {"GATEWAY_LOG_FORMAT"}
