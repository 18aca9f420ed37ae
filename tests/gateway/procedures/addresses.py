"""The address that both lists know under one ward code, and a short way to ask for its list."""

from gateway.procedures.units import code_list_of

OLD_WORDS = "PHƯỜNG TRÚC BẠCH, QUẬN BA ĐÌNH, THÀNH PHỐ HÀ NỘI"
NEW_WORDS = "PHƯỜNG BA ĐÌNH, THÀNH PHỐ HÀ NỘI"


def read(
    province: str | None,
    district: str | None,
    ward: str | None,
    detail: str | None = None,
    country: str | None = "VN",
) -> str | None:
    """Return the list of these codes and words."""
    return code_list_of(
        province_code=province, district_code=district, ward_code=ward, detail=detail, country=country
    )
