"""The main job against one combination: the result of each step, judged as right, refused or wrong.

Right is the result with the expected readings. Refused is a problem with its code, or a field that the citizen must
declare: no answer was false. Wrong is everything else.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from benchmarks.parity.scene import Scene
from portal.gateway_client import Answer

AN = {"citizen_id": "001090000123", "full_name": "Nguyễn Văn An", "birth_date": "1990-01-31"}
STRANGER = {**AN, "full_name": "Nguyễn Văn Anh"}
_BY_CITIZEN = {"kind": "citizen"}
_FORMS = (
    ("khai-sinh", "requester", ("full_name", "birth_date", "gender", "nationality", "permanent_residence")),
    ("ket-hon", "husband", ("full_name", "birth_date", "marital_status", "current_residence")),
    ("dang-ky-thue", "requester", ("full_name", "household_head", "household_members")),
)


class Judgement(StrEnum):
    """The judgement of a step."""

    RIGHT = "right"
    REFUSED = "refused"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The result of one step. `said` is a problem's code, a field's reason, or the fault."""

    name: str
    judgement: Judgement
    said: str = ""


Known = dict[str, Any]
"""The values of the first combination, which every other must deliver too."""


async def run_job(scene: Scene, known: Known) -> list[Step]:
    """Run every step; fills `known` if it is empty."""
    acts: tuple[Callable[[Scene], Awaitable[Step]], ...] = (
        _right_claim,
        _wrong_claim,
        _renamed_person,
        _unlicensed,
        _throttled,
        _suspended,
    )
    steps = [await _token(scene), await acts[0](scene)]
    steps += [await _prefill(scene, known, *form) for form in _FORMS]
    return steps + [await act(scene) for act in acts[1:]]


async def _token(scene: Scene) -> Step:
    token = await scene.portal.token()
    return _judge("token", right="access_token" in token, said="no token")


async def _right_claim(scene: Scene) -> Step:
    answer = await _verify(scene, AN)
    return _judge_answer("right claim", answer, right=answer.members.get("verdict") == "confirmed")


async def _wrong_claim(scene: Scene) -> Step:
    answer = await _verify(scene, STRANGER)
    return _judge_answer("wrong claim", answer, right=answer.members.get("verdict") == "not_confirmed")


async def _prefill(scene: Scene, known: Known, procedure: str, role: str, fields: tuple[str, ...]) -> Step:
    name = f"prefill {procedure}"
    verified = await _verify(scene, AN, procedure=procedure, subject_role=role)
    if "receipt" not in verified.members:
        return _judge_answer(name, verified, right=False)
    answer = await _ask_prefill(scene, verified, procedure, role, fields)
    if answer.status != 200:
        return _judge_answer(name, answer, right=False)
    reasons = []
    for field, told in answer.members["fields"].items():
        if told["state"] != "filled":
            reasons.append(f"{field} {told['reason']}")
        elif known.setdefault(f"{procedure} {field}", told["value"]) != told["value"]:
            return Step(name=name, judgement=Judgement.WRONG, said=f"{field} has another value")
    if reasons:
        return Step(name=name, judgement=Judgement.REFUSED, said=", ".join(reasons))
    return Step(name=name, judgement=Judgement.RIGHT)


async def _renamed_person(scene: Scene) -> Step:
    """Change the person's name at the registry after the verification: no field may be filled then."""
    verified = await _verify(scene, AN)
    await _set_person(scene, full_name="Nguyễn Văn Bình")
    answer = await _ask_prefill(scene, verified, "khai-sinh", "requester", ("full_name", "gender"))
    await _set_person(scene, full_name=AN["full_name"])
    if answer.status == 200:
        filled = [name for name, told in answer.members["fields"].items() if told["state"] == "filled"]
        reasons = {told.get("reason", "") for told in answer.members["fields"].values()}
        judgement = Judgement.WRONG if filled else Judgement.REFUSED
        return Step(name="renamed person", judgement=judgement, said=", ".join(filled or sorted(reasons)))
    right = answer.members.get("code") == "verification_invalidated"
    return _judge_answer("renamed person", answer, right=right)


async def _unlicensed(scene: Scene) -> Step:
    """Remove the procedure from the account: C06 refuses, except in the reading that it never checks this."""
    await _change_account(scene, {"procedures": ["ket-hon"]})
    answer = await _verify(scene, AN)
    await _change_account(scene, {"procedures": ["khai-sinh", "ket-hon", "dang-ky-thue"]})
    if scene.row["checks_no_licence"]:
        return _judge_answer("unlicensed", answer, right=answer.members.get("verdict") == "confirmed")
    refused = (answer.members.get("code"), answer.members.get("registry_code"))
    return _judge_answer("unlicensed", answer, right=refused == ("registry_refused", "004"))


async def _throttled(scene: Scene) -> Step:
    """Ask several questions in one second, in which one is allowed: at least one must get a 503 with Retry-After."""
    await _change_account(scene, {"rate_per_second": 1})
    names = (AN["full_name"], "Trần Thị Bình", "Lê Văn Chung", "Phạm Thị Dung")
    answers = await asyncio.gather(*(_verify(scene, AN | {"full_name": name}) for name in names))
    await _change_account(scene, {"rate_per_second": None})
    refused = [answer for answer in answers if "code" in answer.members]
    answer = (refused or answers)[0]
    return _judge_answer("throttled", answer, right=answer.members.get("code") == "registry_unavailable")


async def _suspended(scene: Scene) -> Step:
    await _change_account(scene, {"status": "suspended"})
    answer = await _verify(scene, AN)
    right = answer.members.get("code") == "registry_credentials_rejected"
    return _judge_answer("suspended", answer, right=right)


def _judge(name: str, *, right: bool, said: str) -> Step:
    return Step(
        name=name, judgement=Judgement.RIGHT if right else Judgement.WRONG, said="" if right else said
    )


def _judge_answer(name: str, answer: Answer, *, right: bool) -> Step:
    """Return the judgement: an unexpected problem is refused, another unexpected answer is wrong."""
    if right:
        return Step(name=name, judgement=Judgement.RIGHT)
    code = answer.members.get("code")
    if code is not None and code != "internal":
        return Step(name=name, judgement=Judgement.REFUSED, said=str(code))
    return Step(name=name, judgement=Judgement.WRONG, said=str(code or answer.members.get("verdict")))


async def _verify(scene: Scene, claim: Mapping[str, str], **members: Any) -> Answer:
    enquiry = {
        "procedure": "khai-sinh",
        "dossier": "HN-2022-000123",
        "subject_role": "requester",
        "claim": dict(claim),
        "initiated_by": _BY_CITIZEN,
        "fresh": True,
    }
    return await scene.portal.verify(enquiry | members)


async def _ask_prefill(
    scene: Scene, verified: Answer, procedure: str, role: str, fields: tuple[str, ...]
) -> Answer:
    return await scene.portal.prefill(
        {
            "receipt": verified.members["receipt"],
            "procedure": procedure,
            "dossier": "HN-2022-000123",
            "subject_role": role,
            "fields": list(fields),
            "initiated_by": _BY_CITIZEN,
        }
    )


async def _set_person(scene: Scene, **members: Any) -> None:
    person = {"citizen_id": AN["citizen_id"], **members}
    answer = await scene.control.put("/runs/default/world", json={"people": [person]})
    answer.raise_for_status()


async def _change_account(scene: Scene, change: Mapping[str, Any]) -> None:
    answer = await scene.control.patch(f"/accounts/{scene.account}", json=change)
    answer.raise_for_status()
