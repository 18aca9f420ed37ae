"""A bundle as an applicant would make it, by the shape in openapi/ alone: nothing of the gateway."""

import json
from typing import Any

from joserfc import jws
from joserfc.jwk import ECKey

SIGNING = ECKey.generate_key("P-256", {"kid": "sign-1", "use": "sig", "alg": "ES256"})
SEALING = ECKey.generate_key("P-256", {"kid": "seal-1", "use": "enc", "alg": "ECDH-ES"})

DOCUMENT: dict[str, Any] = {
    "format": "official-application/1",
    "draft": False,
    "made_at": "2026-11-24T01:00:00Z",
    "agency": {"id": "000.00.01.H05", "name": "UBND tỉnh Bắc Ninh"},
    "application": {"id": "DVC-BN", "name": "Cổng dịch vụ công", "issuer": "https://gw.example/official"},
    "environment": "official",
    "dialect": "soap",
    "security_level": 3,
    "contact": {"unit": "Trung tâm CNTT", "email": "ketnoi@bn.example", "phone": "0222 300 000"},
    "rate": {"per_second": 5, "per_day": 1000},
    "retention": "không lưu",
    "deletion": "xóa ngay",
    "procedures": [
        {
            "slug": "khai-sinh",
            "name_vi": "Đăng ký khai sinh",
            "service_code": "G15-TP110",
            "code": "1.001193",
            "purpose": "Điền sẵn tờ khai",
            "legal_basis": ["Luật Hộ tịch Điều 14"],
            "roles": [{"role": "requester", "fields": ["full_name", "gender"], "sensitive_fields": []}],
        }
    ],
    "operations": [
        {"code": "003", "operation": "XacThucThongTinCongDan", "name_vi": "Xác thực"},
        {"code": "037", "operation": "TraCuuThongTinCongDan", "name_vi": "Tra cứu"},
    ],
    "officers": {"count": 1, "pseudonyms": ["a" * 40]},
    "evidence": {
        "scenarios": {"verification_confirmed": 3},
        "audit": {"verified": True, "rows": 12, "hash": "b" * 64},
        "fence": {"official_questions": 0},
        "preflight": {
            "run": True,
            "passed": True,
            "checks": [{"name": "login", "passed": True, "detail": "ok"}],
        },
        "parity": {"confirmed": ["soap-1.1"], "refuted": []},
    },
    "keys": {"signing": SIGNING.as_dict(private=False), "sealing": SEALING.as_dict(private=False)},
}


def make_bundle(
    *, key: ECKey = SIGNING, typ: str = "official-application+jws", **changes: Any
) -> dict[str, Any]:
    """Sign the document with these members in place of its own."""
    document = DOCUMENT | changes
    text = json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    header = {"alg": "ES256", "typ": typ, "kid": SIGNING.kid}
    signed = jws.serialize_compact(header, text.encode(), key, algorithms=["ES256"])
    return {"document": document, "signature": jws.detach_content(signed)}
