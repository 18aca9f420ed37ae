"""C06's five operations that the mock answers, with their integration code and their LGSP path.

Codes 003 and 037 were seen in public clients; 038 to 040 are guesses (parity ledger).
"""

from enum import StrEnum


class Operation(StrEnum):
    """An operation; the value is the root element on the wire."""

    AUTHENTICATE = "XacThucThongTinCongDan"
    LOOK_UP = "TraCuuThongTinCongDan"
    MARITAL_STATUS = "XacMinhTinhTrangHonNhan"
    RELATIVES = "XacMinhThongTinNhanThan"
    HOUSEHOLD = "CungCapThongTinHoGiaDinh"

    @property
    def camel(self) -> str:
        """The same name as LGSP paths write it."""
        return self.value[0].lower() + self.value[1:]

    @property
    def integration_code(self) -> str:
        """The `MaTichHop` that belongs to the operation."""
        return INTEGRATION_CODES[self]


INTEGRATION_CODES = {
    Operation.AUTHENTICATE: "003",
    Operation.LOOK_UP: "037",
    Operation.MARITAL_STATUS: "038",
    Operation.RELATIVES: "039",
    Operation.HOUSEHOLD: "040",
}
TOKEN = "token"  # noqa: S105 - in faults and the journal the word for a token call, not a secret
