"""A refusal of a request names the element that is wrong, never a value, and of an unknown name only letters."""

from collections.abc import Callable

import httpx
import pytest

from tests.mock_c06.callers import PlatformClient, SoapPortal, envelope
from tests.mock_c06.contract.test_lgsp_json import BODIES, logged_in

OPERATION = "XacThucThongTinCongDan"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda b: b.replace("<dan:HoVaTen>", "<dan:Ten>x</dan:Ten><dan:HoVaTen>"), "Ten (phần tử thứ 7)"),
        (lambda b: b.replace("<dan:HoVaTen>", "<dan:N0010/><dan:HoVaTen>"), ": (phần tử thứ 7)"),
        (
            lambda b: b.replace("<dan:HoVaTen>", "<dan:HoVaTen>x</dan:HoVaTen><dan:HoVaTen>"),
            "lặp lại: HoVaTen",
        ),
        (lambda b: b.replace("</dan:MaDVC>", "</dan:MaDVC>stray"), "sau MaDVC"),
        (lambda b: b.replace("19900131", "19900231"), "NgayThangNam"),
        (lambda b: b.replace("NGUYENVANAN", ""), "Thiếu HoVaTen"),
        (lambda b: b.replace("001090000123", "12"), "Giá trị của SoDinhDanh"),
    ],
)
async def test_a_soap_refusal_names_the_element(
    portal: SoapPortal, change: Callable[[str], str], named: str
) -> None:
    answer = await portal.send(change(envelope(OPERATION, portal.fields(OPERATION))))
    assert "<MaLoi>01</MaLoi>" in answer.text
    assert named in answer.text
    assert "NGUYENVANAN" not in answer.text


async def test_a_strict_order_names_the_first_element_out_of_place(
    portal: SoapPortal, control: httpx.AsyncClient
) -> None:
    fields = portal.fields(OPERATION)
    moved = {"MaDonVi": fields.pop("MaDonVi")}
    await control.put("/runs/default/switches", json={"strict_order": True})
    answer = await portal.send(envelope(OPERATION, fields | moved))
    assert "Sai thứ tự phần tử: SoDinhDanh; thứ tự phải là MaYeuCau" in answer.text


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"ten": "x"}, "được định nghĩa: ten (trường thứ"),
        ({"n001090000123": "x"}, "được định nghĩa: (trường thứ"),
        ({"hoVaTen": 7}, "phải là chuỗi: hoVaTen"),
    ],
)
async def test_a_json_refusal_names_the_member(
    platform: Callable[[str], PlatformClient], changes: dict[str, object], named: str
) -> None:
    camel = await logged_in(platform, "camel")
    answer = (await camel.ask(OPERATION, BODIES["camel"] | changes)).json()
    assert (answer["error_code"], named in answer["error_message"]) == ("01", True), answer
    assert "001090000123" not in answer["error_message"]
