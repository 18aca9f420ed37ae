"""Acts that these tests fill forms for: a citizen verified for one procedure, dossier and role."""

from dataclasses import dataclass
from typing import Any

import httpx

from tests.gateway.scene import AN, Portal, Scene, prefill_request

CARD = "cap-doi-cccd"
"""The form with most fields of the registry: five operations but the household."""

CARD_FIELDS = (
    "full_name", "birth_date", "gender", "citizen_id", "current_residence", "permanent_residence", "nationality",
    "id_card_number", "marital_status", "blood_type", "birth_registration_place", "native_place", "father", "mother",
    "spouse", "representative",
)  # fmt: skip
LOOK_UP = "TraCuuThongTinCongDan"
RELATIVES = "XacMinhThongTinNhanThan"
MARITAL = "XacMinhTinhTrangHonNhan"
HOUSEHOLD = "CungCapThongTinHoGiaDinh"


@dataclass
class Act:
    """A verification and the act it stands for; `fill` asks for fields of its form."""

    portal: Portal
    members: dict[str, Any]

    async def fill(self, *fields: str, **members: Any) -> httpx.Response:
        """Ask for fields by the receipt."""
        body = prefill_request(self.members["receipt"], fields, **self._repeated()) | members
        return await self.portal.call("POST", "/prefills", body)

    async def fill_by_id(self, *fields: str) -> httpx.Response:
        """Ask for fields by the verification's id."""
        body = self._repeated() | {
            "verification": self.members["id"],
            "fields": list(fields),
            "initiated_by": {"kind": "citizen"},
        }
        return await self.portal.call("POST", "/prefills", body)

    async def state(self) -> str:
        """Return the verification's state."""
        answer = await self.portal.call("GET", f"/verifications/{self.members['id']}")
        return str(answer.json()["state"])

    def _repeated(self) -> dict[str, Any]:
        return {name: self.members[name] for name in ("procedure", "dossier", "subject_role")}


async def verified(
    portal: Portal, procedure: str = "khai-sinh", role: str = "requester", **members: Any
) -> Act:
    """Verify a citizen (An) for an act."""
    answer = await portal.verify(procedure=procedure, subject_role=role, **members)
    assert answer.json()["verdict"] == "confirmed", answer.text
    return Act(portal, answer.json())


async def packets(scene: Scene) -> list[str]:
    """Return the operations asked for records."""
    return sorted(
        entry["operation"]
        for entry in await scene.journal()
        if entry["operation"] != "XacThucThongTinCongDan"
    )


def person(number: str, name: str, born: str) -> dict[str, str]:
    """Return a claim."""
    return AN | {"citizen_id": number, "full_name": name, "birth_date": born}


def reasons(answer: httpx.Response) -> dict[str, str]:
    """Return `to_declare` as field → reason."""
    return {each["field"]: each["reason"] for each in answer.json()["to_declare"]}


def values(answer: httpx.Response) -> dict[str, Any]:
    """Return the filled fields' values."""
    fields = answer.json()["fields"]
    return {name: field["value"] for name, field in fields.items() if field["state"] == "filled"}
