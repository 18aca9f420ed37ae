"""The combinations of the mock's switches, and the gateway's settings for each."""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.parity.pairwise import Row, Value, cover_pairs
from mock_c06.accounts.model import NAMES, Dialect

DIALECT = "dialect"
ACCOUNTS = {
    Dialect.SOAP: "dvctt-hanoi",
    Dialect.LGSP_PASSTHROUGH: "dvctt-lgsp-passthrough",
    Dialect.LGSP_CAMEL: "dvctt-lgsp-camel",
    Dialect.LGSP_PASCAL: "dvctt-lgsp-pascal",
}
_RECORD_CODE = "037"
_SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "seconds": {"timestamp_unit": "s"},
    "hyphens_only": {"date_form": "yyyy-MM-dd"},
    "one_record_code": {
        "integration_codes": {
            "TraCuuThongTinCongDan": _RECORD_CODE,
            "XacMinhTinhTrangHonNhan": _RECORD_CODE,
            "XacMinhThongTinNhanThan": _RECORD_CODE,
            "CungCapThongTinHoGiaDinh": _RECORD_CODE,
        }
    },
}
"""Members of a connection that an operator sets for another reading of C06."""


def make_rows() -> Sequence[Row]:
    """Return the pairwise set over the dialect and every switch."""
    factors: dict[str, Sequence[Value]] = {DIALECT: [dialect.value for dialect in Dialect]}
    return cover_pairs(factors | {name: [False, True] for name in NAMES})


def switches_of(row: Row) -> dict[str, bool]:
    """Return the switches of a row that are on."""
    return {name: True for name in NAMES if row[name]}


def settings_of(row: Row) -> dict[str, Any]:
    """Return the connection's members besides its account."""
    settings: dict[str, Any] = {}
    for name in switches_of(row):
        settings |= _SETTINGS.get(name, {})
    return settings
