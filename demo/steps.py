"""The main job, step by step, as a portal does it. A step that fails raises `StepFailed`.

Facts about people come from the mock's catalogue of personas; the questions that were sent, from its journal.
"""

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from demo.control import Control
from demo.report import Report
from demo.scene import FIELDS, OUTSIDE_GRANT, Scene
from portal.gateway_client import Answer, GatewayClient

KHAI_SINH = {"procedure": "khai-sinh", "dossier": "HN-2022-000123", "subject_role": "requester"}
KET_HON = {"procedure": "ket-hon", "dossier": "HN-2022-000124", "subject_role": "requester"}
CITIZEN = {"initiated_by": {"kind": "citizen"}}
_DIFFERENCES = ("asked_not_logged", "logged_not_asked", "different_content", "answered_differently")

Evidence = Sequence[tuple[str, str]]


class StepFailed(Exception):
    """A step failed; the message has the expected and the actual value."""


class MainJob:
    """The steps share the citizen's claim and the receipt."""

    def __init__(self, scene: Scene, sandbox: GatewayClient, official: GatewayClient) -> None:
        self._scene = scene
        self._sandbox = sandbox
        self._official = official
        self._control = Control(scene.mock)
        self._claim: dict[str, Any] = {}
        self._receipt = ""

    async def play(self, report: Report) -> None:
        """Run and report every step. Raises `StepFailed` at the first failure."""
        steps: Sequence[tuple[str, Callable[[], Awaitable[Evidence]]]] = (
            ("an account got a token", self._get_token),
            ("the requester was verified for khai sinh", self._verify),
            ("the form was filled without re-declaration", self._prefill),
            ("the next procedure (kết hôn) reused it, no second question", self._reuse),
            ("a wrong name was not confirmed", self._wrong_name),
            ("a field outside the grant was refused, nothing was sent", self._outside_grant),
            ("sandbox and official refused each other's tokens and receipts", self._cross_profile),
            ("the audit is intact, and shows the enquiries", self._audit),
        )
        for title, step in steps:
            report.step(title, await step())

    async def _get_token(self) -> Evidence:
        token = await self._sandbox.token()
        expect("token_type", token["token_type"], "Bearer")
        return (
            ("account", self._scene.sandbox.client_id),
            ("issuer", self._scene.sandbox.issuer),
            ("token", f"{token['token_type']}, {token['expires_in']} s, scope {token['scope']}"),
        )

    async def _verify(self) -> Evidence:
        self._claim = await self._control.claim_of("nguyen-van-an")
        answer = await self._sandbox.verify(KHAI_SINH | CITIZEN | {"claim": self._claim})
        _expect_status(answer, 201)
        expect("verdict", answer.members["verdict"], "confirmed")
        expect("origin", answer.members["origin"], "registry")
        self._receipt = answer.members["receipt"]
        asked = await self._control.journal("test")
        expect("questions in the journal", len(asked), 1)
        return (
            ("verdict", f"confirmed, origin registry, id {answer.members['id']}"),
            ("valid", f"{answer.members['verified_at']} to {answer.members['expires_at']}"),
            ("journal", f"1 question: {asked[0]['operation']} about {asked[0]['subject']}"),
        )

    async def _prefill(self) -> Evidence:
        answer = await self._sandbox.prefill(
            KHAI_SINH | CITIZEN | {"receipt": self._receipt, "fields": list(FIELDS)}
        )
        _expect_status(answer, 200)
        filled = {
            name: field for name, field in answer.members["fields"].items() if field["state"] == "filled"
        }
        expect("fields filled", sorted(filled), sorted(FIELDS))
        expect("locked", all(field["locked"] for field in filled.values()), True)
        left = [entry["field"] for entry in answer.members["to_declare"]]
        return (
            *(
                (name, f"{_show(field['value'])} (locked, {field['source']})")
                for name, field in filled.items()
            ),
            ("to declare", ", ".join(left)),
        )

    async def _reuse(self) -> Evidence:
        before = len(await self._control.journal("test"))
        answer = await self._sandbox.verify(KET_HON | CITIZEN | {"claim": self._claim})
        _expect_status(answer, 200)
        expect("origin", answer.members["origin"], "reuse")
        expect("questions since", len(await self._control.journal("test")) - before, 0)
        return (
            ("verdict", f"{answer.members['verdict']}, origin reuse"),
            ("derived from", answer.members["derived_from"]),
            ("journal", "no second question"),
        )

    async def _wrong_name(self) -> Evidence:
        claim = self._claim | {"full_name": "Nguyễn Văn Ân Sai"}
        answer = await self._sandbox.verify(KHAI_SINH | CITIZEN | {"claim": claim})
        _expect_status(answer, 201)
        expect("verdict", answer.members["verdict"], "not_confirmed")
        expect("receipt", answer.members["receipt"], None)
        return (("verdict", "not_confirmed, no receipt, no hint which part is wrong"),)

    async def _outside_grant(self) -> Evidence:
        before = len(await self._control.journal("test"))
        answer = await self._sandbox.prefill(
            KHAI_SINH | CITIZEN | {"receipt": self._receipt, "fields": ["full_name", OUTSIDE_GRANT]}
        )
        expect("code", answer.members.get("code"), "field_not_granted")
        expect("questions since", len(await self._control.journal("test")) - before, 0)
        return (
            ("answer", f"{answer.status} field_not_granted, naming {answer.members['errors'][0]['field']}"),
            ("journal", "unchanged"),
        )

    async def _cross_profile(self) -> Evidence:
        enquiry = KHAI_SINH | CITIZEN | {"claim": self._claim}
        crossed = await self._sandbox.verify_elsewhere(self._scene.official.issuer, enquiry)
        expect("code", crossed.members.get("code"), "profile_mismatch")
        request = KHAI_SINH | CITIZEN | {"receipt": self._receipt, "fields": ["full_name"]}
        foreign = await self._official.prefill(request)
        expect("code", foreign.members.get("code"), "receipt_invalid")
        expect("official journal", len(await self._control.journal("official")), 0)
        return (
            ("sandbox token at official", f"{crossed.status} profile_mismatch"),
            ("sandbox receipt with an official account", f"{foreign.status} receipt_invalid"),
            ("official journal", "empty"),
        )

    async def _audit(self) -> Evidence:
        checked = self._scene.programs.gateway("audit", "verify")
        ledger = await self._sandbox.ledger(self._receipt)
        _expect_status(ledger, 200)
        kinds = [entry["kind"] for entry in ledger.members["entries"]]
        for kind in ("answered", "delivered", "reused"):
            expect(f"a ledger entry {kind}", kind in kinds, True)
        journal = self._scene.programs.folder / "journal.json"
        journal.write_text(json.dumps(await self._control.journal("test")), encoding="utf-8")
        counts = self._scene.programs.gateway("audit", "reconcile", "--journal", str(journal))["counts"]
        differences = "/".join(str(counts[kind]) for kind in _DIFFERENCES)
        expect("differences from the registry's log", differences, "0/0/0/0")
        return (
            ("audit", f"{checked['rows']} rows, all verified"),
            ("ledger", f"{len(kinds)} entries of this organisation: {', '.join(kinds)}"),
            ("both sides' logs", f"{counts['joined']} questions compared, {differences} differences"),
        )


def expect(what: str, seen: object, expected: object) -> None:
    """Raise `StepFailed` with both values unless they are equal."""
    if seen != expected:
        raise StepFailed(f"{what}: expected {expected!r}, saw {seen!r}")


def _expect_status(answer: Answer, expected: int) -> None:
    if answer.status != expected:
        code = answer.members.get("code", "")
        raise StepFailed(f"status: expected {expected}, saw {answer.status} {code}".rstrip())


def _show(value: object) -> str:
    if isinstance(value, dict):
        return str(value.get("label") or value.get("detail"))
    return str(value)
