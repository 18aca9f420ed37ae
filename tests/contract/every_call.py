"""One call of every operation in the document, to try any check on it: its path and a well-formed body."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.kit.answers_seen import read_document
from tests.kit.scene import enquiry, prefill_request

UNKNOWN = "ver_aaaaaaaaaaaaaaaaaaaaaaaaa"
BODIES: dict[str, Any] = {
    "verify_citizen": enquiry(),
    "prefill_form": prefill_request("x", ["full_name"]),
    "file_discrepancy": {"prefill": "pre_x", "field": "full_name", "note": "sai"},
    "resolve_discrepancy": {"as": "rejected", "reason_vi": "Đúng", "reason": "It is right"},
    "evaluate_fields": {"procedure": "khai-sinh", "subject_role": "requester", "fields": ["full_name"]},
    "check_receipt": {"receipt": "x"},
    "show_ledger": {"receipt": "x"},
    "show_own_ledger": {},
    "revoke_verification": {},
    "propose_change": {"kind": "resume_profile", "profile": "sandbox"},
    "preflight_change": {"login_only": True},
    "approve_change": {"diff_hash": "0" * 64},
    "activate_change": {},
    "reject_change": {"reason": "x"},
    "rollback_change": {"reason": "x"},
    "suspend_profile": {"reason": "x"},
    "open_session": {"name": "lan.nguyen", "password": "x", "totp": "123456"},
}


@dataclass(frozen=True)
class Call:
    """An operation with the values of its path."""

    name: str
    method: str
    template: str
    operation: dict[str, Any] = field(repr=False)

    def path(self, profile: str = "sandbox", code: str = "not_found") -> str:
        return self.template.format(
            profile=profile,
            verification_id=UNKNOWN,
            discrepancy_id="dis_aaaaaaaaaaaaaaaaaaaaaaaaa",
            procedure="khai-sinh",
            code=code,
            change="chg_aaaaaaaaaaaaaaaaaaaaaaaaa",
            tile="0/000",
        )

    @property
    def body(self) -> Any:
        """Return a JSON body that passes the checks of its shape."""
        return BODIES.get(self.name)

    @property
    def of_operators(self) -> bool:
        """Say whether operators call this operation, and not portals."""
        return self.template.startswith("/ops/")

    def answers(self, status: int, code: str = "") -> bool:
        """Say whether the document declares this answer."""
        found = self.operation["responses"].get(str(status), {})
        return code in found.get("$ref", "") + found.get("description", "") if found else False


def every_call() -> Iterator[Call]:
    for path, operations in read_document()["paths"].items():
        for method, operation in operations.items():
            yield Call(operation["operationId"], method.upper(), path, operation)


def calls_that_answer(status: int, code: str = "") -> list[Call]:
    """Return the calls for which the document declares this answer; at least one."""
    found = [call for call in every_call() if call.answers(status, code)]
    assert found, f"no operation declares {status} {code}"
    return found
