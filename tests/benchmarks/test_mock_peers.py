"""The mock's benchmark where its peers can't be had, and what its generator takes for an answer."""

from pathlib import Path

import pytest

from benchmarks.mock_calls import is_record, is_token, is_yes
from benchmarks.mock_peers import PeersMissing, install_peers
from benchmarks.mock_report import Seen, report
from benchmarks.wire_load import Round


def test_a_machine_without_npm_has_no_peers_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(PeersMissing, match="no node with npm"):
        install_peers()


def test_only_a_right_answer_counts_for_the_benchmark() -> None:
    assert is_yes(200, b"<SoLuongCongDan>1</SoLuongCongDan>")
    assert not is_yes(200, b"<SoLuongCongDan>0</SoLuongCongDan>")
    assert not is_yes(500, b"<SoLuongCongDan>1</SoLuongCongDan>")
    assert not is_record(200, b"<CongdanCollection/>")
    assert not is_token(401, b'{"access_token": "x"}')


def test_our_figures_alone_are_reported_without_ratios_to_others(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    once = Seen(round=Round(per_second=100.0, p50_ms=1.0, p99_ms=2.0, busy=0.9), cpu_us=50.0)
    report({f"ours {what} {size}": [once] for what in ("003", "037") for size in ("10^3", "10^8")}, tmp_path)
    said = capsys.readouterr().out
    assert "ours 003 10^8 costs 1.00 x ours 003 10^3" in said
    assert "Prism" not in said
    assert "IT IS THE BOTTLENECK" in said
