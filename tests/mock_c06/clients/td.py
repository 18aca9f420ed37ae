"""A portal whose platform takes PascalCase JSON and answers the whole XML envelope as a string in `message`.

Its MaYeuCau is a constant with the clock's seconds, so that two questions of one second collide. Writes a row of its log
before it calls; what names the service and the officer comes from its configuration, never from its caller.
"""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field

from lxml import etree

from tests.mock_c06.clients.lgsp import Platform

_D = "{http://www.mic.gov.vn/dancu/1.0}"
CONFIGURED = {"MaDVC": "G15-TP110", "MaCanBo": "can.bo.01", "MaDonVi": "000.00.01.H26"}


class Refused(Exception):
    """The platform's error code, when it is not 0."""


def to_upper_case_non_white_space_non_accent_vietnamese(text: str) -> str:
    """Fold a name as the client's function of that name does."""
    bare = "".join(c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) != "Mn")
    return "".join(bare.upper().replace("Đ", "D").split())


@dataclass(slots=True)
class TdClient:
    """Asks about one citizen at a time. `birth` is `yyyyMMdd` or `yyyy`."""

    platform: Platform
    now_s: Callable[[], int]
    log: list[tuple[int, str]] = field(default_factory=list)
    _token: str = ""

    def is_confirmed(self, number: str, full_name: str, birth: str) -> bool:
        """Ask yes or no."""
        body = self._ask("XacThucThongTinCongDan", "003", number, full_name, birth)
        return body.findtext(f"{_D}XacThucThongTinCongDanResponse/{_D}SoLuongCongDan") == "1"

    def full_name(self, number: str, full_name: str, birth: str) -> str | None:
        """Ask for the record and read the name out of `Ten`."""
        body = self._ask("TraCuuThongTinCongDan", "037", number, full_name, birth)
        return body.findtext(f"{_D}CongdanCollection/{_D}CongDan/{_D}HoVaTen/{_D}Ten") or None

    def _ask(self, operation: str, code: str, number: str, full_name: str, birth: str) -> etree._Element:
        request = {
            "MaYeuCau": f"TD{self.now_s()}",
            **CONFIGURED,
            "MaTichHop": code,
            "SoDinhDanh" if len(number) == 12 else "SoCMND": number,
            "HoVaTen": to_upper_case_non_white_space_non_accent_vietnamese(full_name),
            "NgayThangNamSinh": birth,
        }
        self.log.append((self.now_s(), operation))
        self._token = self._token or self.platform.token()
        answer = self.platform.call(self._token, operation, request)
        if answer["error_code"] != "0":
            raise Refused(answer["error_code"])
        body = etree.fromstring(str(answer["message"]).encode()).find("{*}Body")
        assert body is not None
        return body
