"""A replay that ignores named members, says the nearest recorded question, and names what it cannot read."""

import base64
import json
import re
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import httpx
import pytest

from mock_c06.app import MockRegistry
from mock_c06.commands.replay import build_replay
from mock_c06.control.recording_json import _digest, parse_recording, recording_text
from mock_c06.errors import StartRefused
from mock_c06.runs.run import MAX_BYTES
from mock_c06.settings import Settings
from tests.kit.clocks import StillClock
from tests.mock_c06.callers import AN, PlatformClient, SoapPortal

YES, NO = "<SoLuongCongDan>1<", "<SoLuongCongDan>0<"
CAMEL = {"soDinhDanh": AN["SoDinhDanh"], "hoVaTen": AN["HoVaTen"], "ngayThangNam": "19900131"}
Change = Callable[[dict[str, Any]], object]


def replay_of(recording: dict[str, Any], clock: StillClock, ignored: Sequence[str] = ()) -> MockRegistry:
    settings = Settings.model_construct(control_token=None, secret_seed=None)
    return build_replay(settings, recording, clock=clock, ignored=ignored)


@pytest.fixture
async def recording(
    portal: SoapPortal, control: httpx.AsyncClient, platform: Callable[[str], PlatformClient]
) -> dict[str, Any]:
    """Two verdicts in SOAP, one in JSON behind a token."""
    camel = platform("camel")
    await portal.verdict(MaYeuCau="recorded-1")
    await portal.verdict(MaYeuCau="recorded-2", HoVaTen="SOMEBODYELSE")
    await camel.log_in()
    await camel.ask("XacThucThongTinCongDan", CAMEL | {"maYeuCau": "recorded-3"})
    await control.put(
        "/runs/default/world", json={"people": [{"citizen_id": AN["SoDinhDanh"], "alive": False}]}
    )
    found: dict[str, Any] = (await control.get("/runs/default/recording")).json()
    return found


@pytest.mark.parametrize("ignored", ["MaYeuCau", "maYeuCau"])
async def test_a_question_with_another_request_code_gets_the_recorded_answer(
    ignored: str,
    portal: SoapPortal,
    platform: Callable[[str], PlatformClient],
    recording: dict[str, Any],
    clock: StillClock,
) -> None:
    mock = replay_of(recording, clock, [ignored])
    camel = platform("camel")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(mock.test)) as portal.http:
        camel.http = portal.http
        answers = [
            (await portal.verdict(MaYeuCau="another-2", HoVaTen="SOMEBODYELSE")).text,
            (await portal.verdict(MaYeuCau="another-1")).text,
        ]
        token = await camel.log_in()
        verdict = await camel.ask("XacThucThongTinCongDan", CAMEL | {"maYeuCau": "another-3"})
        again = await portal.verdict(MaYeuCau="another-4")
    assert (NO in answers[0], YES in answers[1], token.status_code, verdict.json()) == (
        *(True, True, 200),
        {"data": True},
    )
    assert (again.status_code, again.json()["nearest"]["differs"]) == (501, [])
    assert again.json()["detail"] == (
        "this request was not recorded, or not as often; the nearest is n 1, which was recorded less often"
    )


async def test_an_ignored_member_that_no_recorded_question_has_is_refused_by_name(
    recording: dict[str, Any], clock: StillClock
) -> None:
    for wrong in ("MaYeucau", "[", ""):
        with pytest.raises(StartRefused, match=re.escape(f"--ignore {wrong}: no recorded request has this")):
            replay_of(recording, clock, ["MaYeuCau", wrong])
    replay_of(recording, clock, ["maYeuCau"])
    replay_of(recording | {"calls": []}, clock, ["MaYeuCau"])


async def test_a_question_that_was_not_recorded_is_told_the_nearest_and_what_differs(
    portal: SoapPortal, recording: dict[str, Any], clock: StillClock
) -> None:
    mock = replay_of(recording, clock)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(mock.test)) as portal.http:
        answer = await portal.verdict(MaYeuCau="recorded-2", HoVaTen="NGUYENVANANH")
        nowhere = await portal.record()
    assert (answer.status_code, answer.json()["nearest"]) == (501, {"n": 2, "differs": ["HoVaTen"]})
    assert "the nearest is n 2, which differs in HoVaTen" in answer.json()["detail"]
    assert "NGUYENVANANH" not in answer.text
    assert (nowhere.status_code, nowhere.json()["nearest"]) == (501, None)


async def test_a_recording_without_requests_can_not_be_replayed_with_a_member_ignored(
    recording: dict[str, Any], clock: StillClock
) -> None:
    for call in recording["calls"]:
        del call["request"]
    replay_of(recording, clock)
    with pytest.raises(StartRefused, match="record it again"):
        replay_of(recording, clock, ["MaYeuCau"])


def _spoil(path: str, value: Any) -> Change:
    *way, last = path.split(".")

    def change(recording: dict[str, Any]) -> None:
        at: Any = recording
        for step in way:
            at = at[int(step)] if isinstance(at, list) else at[step]
        if value is None:
            del at[last]
        else:
            at[last] = value

    return change


_BOMB = base64.b64encode(b"z" + zlib.compress(bytes(MAX_BYTES + 1), 1)).decode()
"""A few hundred kB that unpack to more than a whole recording may have."""


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (_spoil("world", None), "world cannot be read: a list"),
        (_spoil("world.0.since", "soon"), r"world\.0 cannot be read"),
        (_spoil("world.0.person.gender", 7), r"world\.0 cannot be read: gender: "),
        (_spoil("world.0.person.status", None), r"world\.0 cannot be read: status is missing"),
        (_spoil("journal.1.outcome", "great"), r"journal\.1 cannot be read: outcome: "),
        (_spoil("calls.0.packed", "%%"), r"calls\.0 cannot be read"),
        (_spoil("calls.0.packed", _BOMB), r"calls\.0 cannot be read"),
        (_spoil("calls.0.key", []), r"calls\.0 cannot be read"),
        (_spoil("calls.2.entry", 99), r"calls\.2 cannot be read: 99 is missing"),
        (_spoil("clock.now", "never"), "clock cannot be read"),
        (_spoil("plan.faults", 3), "plan cannot be read"),
        (_spoil("switches", [1]), "switches cannot be read"),
    ],
)
async def test_a_recording_that_can_not_be_read_names_its_member(
    recording: dict[str, Any], clock: StillClock, change: Change, named: str
) -> None:
    spoilt = json.loads(json.dumps(recording))
    change(spoilt)
    with pytest.raises(StartRefused, match=named):
        replay_of(spoilt, clock)


async def test_a_recording_that_lacks_its_run_or_its_population_is_not_replayed(
    recording: dict[str, Any],
) -> None:
    for change in (_spoil("run", 7), _spoil("population", None)):
        spoilt = {name: value for name, value in recording.items() if name != "sha256"}
        change(spoilt)
        with pytest.raises(StartRefused, match="lacks its run or its population"):
            parse_recording(recording_text(spoilt | {"sha256": _digest(spoilt)}).encode())
