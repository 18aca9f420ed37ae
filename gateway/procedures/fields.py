"""The registry's operations and which of them brings which field (contract: field → operation).

Operation names are C06's own and public: they are members of answers, settings and evidence.
"""

from enum import StrEnum


class Operation(StrEnum):
    """C06's five operations that this gateway uses; the value is the name on the wire."""

    AUTHENTICATE = "XacThucThongTinCongDan"
    LOOK_UP = "TraCuuThongTinCongDan"
    MARITAL_STATUS = "XacMinhTinhTrangHonNhan"
    RELATIVES = "XacMinhThongTinNhanThan"
    HOUSEHOLD = "CungCapThongTinHoGiaDinh"


FIELD_OPERATIONS: dict[str, Operation] = {
    "marital_status": Operation.MARITAL_STATUS,
    **dict.fromkeys(("father", "mother", "spouse", "representative"), Operation.RELATIVES),
    **dict.fromkeys(("household_head", "household_members"), Operation.HOUSEHOLD),
    **dict.fromkeys(
        (
            "full_name",
            "birth_date",
            "birth_year",
            "gender",
            "citizen_id",
            "id_card_number",
            "ethnicity",
            "religion",
            "nationality",
            "blood_type",
            "birth_registration_place",
            "native_place",
            "permanent_residence",
            "current_residence",
        ),
        Operation.LOOK_UP,
    ),
}

SENSITIVE_FIELDS = frozenset({"ethnicity", "religion"})
"""NĐ 13/2023 Đ2 k4: ethnic origin and religion are sensitive; blood group is expressly not."""
