"""An independent SOAP library that knows only the WSDL which the mock serves: all five operations, and the feed."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import zeep
from zeep.transports import Transport

from mock_c06.testing.scene import C06, ClientAccount
from tests.mock_c06.clients.logins import basic

pytestmark = pytest.mark.sockets

# zeep's own functions have no types.
new_transport: Any = Transport
new_client: Any = zeep.Client
NUMBER = "001090000123"
AN = {
    "SoDinhDanh": NUMBER,
    "HoVaTen": "NGUYENVANAN",
    "NgayThangNamSinh": {"NgayThangNam": "19900131"},
}
CODES = {
    "XacThucThongTinCongDan": "003",
    "TraCuuThongTinCongDan": "037",
    "XacMinhTinhTrangHonNhan": "038",
    "XacMinhThongTinNhanThan": "039",
    "CungCapThongTinHoGiaDinh": "040",
}


def signing(account: ClientAccount) -> Callable[[Any], Any]:
    """Add C06's two headers to each call that zeep's own transport sends."""

    def sign_call(call: Any) -> Any:
        timestamp = str(time.time_ns() // 1_000_000)
        call.headers["Timestamp"] = timestamp
        call.headers["Authorization"] = basic(call.url, account["user"], account["secret"], timestamp)
        return call

    return sign_call


@pytest.fixture
def transport(c06: C06) -> Iterator[Any]:
    transport = new_transport()
    transport.session.auth = signing(c06.account("dvctt-hanoi"))
    yield transport
    transport.session.close()


@pytest.fixture
def soap(c06: C06, transport: Any) -> Any:
    return new_client(f"{c06.url()}/soap?wsdl", transport=transport).service


def head(operation: str, **changes: str) -> dict[str, str]:
    own = {
        "MaYeuCau": f"zeep-{operation}",
        "MaDVC": "G15-TP110",
        "MaTichHop": CODES[operation],
        "MaCanBo": "can.bo.01",
        "MaDonVi": "000.00.01.H26",
    }
    return own | changes


def test_zeep_calls_all_five_operations_from_the_served_wsdl(soap: Any) -> None:
    answers = {operation: soap[operation](**head(operation), **AN) for operation in CODES}
    assert answers["XacThucThongTinCongDan"] == 1
    assert answers["TraCuuThongTinCongDan"].CongDan[0].HoVaTen.Ten == "NGUYỄN VĂN AN"
    assert answers["XacMinhTinhTrangHonNhan"].CongDan[0].TinhTrangHonNhan == "2"
    assert answers["XacMinhThongTinNhanThan"].CongDan[0].Me.SoDinhDanh == "036162000457"
    assert len(answers["CungCapThongTinHoGiaDinh"].CongDan[0].ThanhVien) > 2


def test_zeep_reads_the_name_of_every_relative_and_member(soap: Any) -> None:
    record, relatives, household = (
        soap[operation](**head(operation), **AN).CongDan[0]
        for operation in ("TraCuuThongTinCongDan", "XacMinhThongTinNhanThan", "CungCapThongTinHoGiaDinh")
    )
    members = [member.HoVaTen for member in household.ThanhVien]
    assert [person.Cha.HoVaTen for person in (record, relatives)] == ["NGUYỄN VĂN BÌNH"] * 2
    assert [person.ChuHo.HoVaTen for person in (record, household)] == ["NGUYỄN VĂN AN"] * 2
    assert [relatives.Me.HoVaTen, relatives.VoChong.HoVaTen] == ["TRẦN THỊ CAM", "LÊ THỊ DUNG"]
    assert members == [
        *("NGUYỄN VĂN AN", "NGUYỄN VĂN BÌNH", "TRẦN THỊ CAM", "LÊ THỊ DUNG"),
        *("NGUYỄN MINH EM", "NGUYỄN THU GIANG"),
    ]


def test_zeep_reads_the_forms_that_the_runs_switches_give(c06: C06, transport: Any) -> None:
    c06.switch(exists_verdict=True, structured_relatives=True, split_name=True, wrapped_members=True)
    soap = new_client(f"{c06.url()}/XacThucThongTinCongDan?wsdl", transport=transport).service
    answers = {operation: soap[operation](**head(operation), **AN) for operation in CODES}
    mother = answers["XacMinhThongTinNhanThan"].CongDan[0].Me.HoVaTen
    members = answers["CungCapThongTinHoGiaDinh"].CongDan[0].DanhSachThanhVien.ThanhVien
    assert answers["XacThucThongTinCongDan"] is True
    assert (mother.Ho, mother.ChuDem, mother.Ten) == ("TRẦN", "THỊ", "CAM")
    assert [member.HoVaTen.Ten for member in members] == ["AN", "BÌNH", "CAM", "DUNG", "EM", "GIANG"]


def test_zeep_sees_a_refusal_as_a_fault_with_its_code(soap: Any) -> None:
    operation = "XacThucThongTinCongDan"
    with pytest.raises(zeep.exceptions.Fault) as fault:
        soap[operation](**head(operation, MaDVC="G18-YT04"), **AN)
    assert fault.value.detail.findtext("MaLoi") == "004"


def test_the_wsdl_of_a_run_leads_into_that_run(c06: C06, soap: Any) -> None:
    operation = "XacThucThongTinCongDan"
    soap[operation](**head(operation, MaYeuCau="zeep-run"), **AN)
    assert [entry["ma_yeu_cau"] for entry in c06.journal.entries()] == ["zeep-run"]


def test_zeep_reads_the_feed_of_changes_as_the_schema_describes_it(c06: C06, soap: Any) -> None:
    operation = "TraCuuThongTinCongDan"
    c06.event("death", NUMBER)
    now = time.time_ns() // 1_000_000
    window = {"TuNgay": str(now - 60_000), "DenNgay": str(now + 60_000), "Loai": "2"}
    changed = soap[operation](**head(operation), **window, Trang="1", SoBanGhi="100")
    assert [person.SoDinhDanh for person in changed.CongDan] == [NUMBER, "001192000124"]
    assert changed.CongDan[0].TrangThai == "2"
