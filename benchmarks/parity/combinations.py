"""The combinations of the mock's switches to run, and what an operator would set for each at the gateway."""

from collections.abc import Mapping, Sequence
from typing import Any

from mock_c06.desk.accounts import Dialect
from mock_c06.desk.switches import NAMES
from mock_c06.parity.pairwise import Row, Value, cover_pairs

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
"""Members of a connection by which an operator tells the gateway what C06 turned out to do."""


def make_rows() -> Sequence[Row]:
    """Give the pairwise set over the dialect and every switch."""
    factors: dict[str, Sequence[Value]] = {DIALECT: [dialect.value for dialect in Dialect]}
    return cover_pairs(factors | {name: [False, True] for name in NAMES})


def switches_of(row: Row) -> dict[str, bool]:
    """Give a row's switches that are on."""
    return {name: True for name in NAMES if row[name]}


def settings_of(row: Row) -> dict[str, Any]:
    """Give what the connection is told beyond its account."""
    settings: dict[str, Any] = {}
    for name in switches_of(row):
        settings |= _SETTINGS.get(name, {})
    return settings
