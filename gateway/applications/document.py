"""The bundle: one canonical JSON document with a signature, and its printable page in Vietnamese.

The canonical form is that of RFC 8785 for these values (no fractions, ASCII names): sorted names, no white space, UTF-8,
no line end. The signature is a detached JWS over the document. Form: openapi/official-application.schema.json.

The agency signs and stamps the page: one HTML file without scripts or external resources, every value escaped
(`templates/application.html`). It shows the bundle's hash and the signing key's thumbprint, so that the desk can
compare the file with the paper.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gateway.applications.readiness import Evidence, Missing, Wanted, WantedProcedure
from gateway.applications.statement import Statement
from gateway.audit.state import write_canonical
from gateway.clock import rfc3339, vietnam
from gateway.identifiers import Language
from gateway.keys.jws import sign_detached
from gateway.keys.model import PlaceKeys, Purpose
from gateway.procedures.model import SUBJECT_ROLES, Operation

Rows = Sequence[Sequence[str]]

FORMAT = "official-application/1"
SIGNATURE_TYPE = "official-application+jws"

_OPERATION_NAMES_VI = {
    Operation.AUTHENTICATE: "Xác thực thông tin công dân",
    Operation.LOOK_UP: "Tra cứu thông tin công dân",
    Operation.MARITAL_STATUS: "Xác minh tình trạng hôn nhân",
    Operation.RELATIVES: "Xác minh thông tin nhân thân",
    Operation.HOUSEHOLD: "Cung cấp thông tin hộ gia đình",
}
_SCENARIOS_VI = {
    "verification_confirmed": "Xác thực: thông tin khớp",
    "verification_reused": "Dùng lại kết quả xác thực, không hỏi lần hai",
    "verification_not_confirmed": "Xác thực: thông tin không khớp",
    "prefill_delivered": "Điền sẵn tờ khai",
    "over_asking_refused": "Từ chối yêu cầu vượt quyền khai thác",
    "other_profile_refused": "Từ chối mã truy cập thử nghiệm tại môi trường chính thức",
}
_DATA_HEADER = ("Thủ tục (mã dịch vụ, mã thủ tục)", "Về ai", "Dữ liệu đề nghị", "Dữ liệu nhạy cảm")
_PURPOSE_HEADER = ("Thủ tục", "Mục đích", "Căn cứ pháp lý")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A bundle, exactly the text that is hashed, with its printable page. A draft must not be sent."""

    text: str = field(repr=False)
    page: str = field(repr=False)
    sha256: str
    draft: bool
    missing: tuple[Missing, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleContent:
    """The content of the document and of the page. A draft must not be sent."""

    stated: Statement
    wanted: Wanted
    evidence: Evidence
    made_at: datetime
    draft: bool
    issuer: str
    dialect: str


def write_document(content: BundleContent, keys: PlaceKeys) -> dict[str, Any]:
    """Return the document, with the public keys for its verification and for sealing the answer."""
    stated, wanted, organisation = content.stated, content.wanted, content.wanted.organisation
    return {
        "format": FORMAT,
        "draft": content.draft,
        "made_at": rfc3339(content.made_at),
        "agency": {
            "id": organisation.id if organisation else "",
            "name": organisation.name if organisation else "",
        },
        "application": {
            "id": stated.application_id,
            "name": stated.application_name,
            "issuer": content.issuer,
        },
        "environment": "official",
        "dialect": content.dialect,
        "security_level": stated.security_level,
        "contact": stated.contact.model_dump(),
        "rate": stated.rate.model_dump(),
        "retention": stated.retention,
        "deletion": stated.deletion,
        "procedures": [_procedure(each) for each in wanted.procedures],
        "operations": [
            {"code": code, "operation": operation.value, "name_vi": _OPERATION_NAMES_VI[operation]}
            for operation, code in wanted.operations.items()
        ],
        "officers": {"count": len(wanted.officers), "pseudonyms": list(wanted.officers)},
        "evidence": _evidence(content.evidence),
        "keys": {
            "signing": keys.current(Purpose.APPLICATION).signing_key().as_dict(private=False),
            "sealing": keys.current(Purpose.ISSUANCE).opening_key().as_dict(private=False),
        },
    }


def sign_document(document: Mapping[str, Any], keys: PlaceKeys) -> str:
    """Return the bundle's text: the canonical JSON of the document with its signature."""
    key = keys.current(Purpose.APPLICATION)
    signature = sign_detached(
        write_canonical(document).encode(), key=key.signing_key(), kid=key.kid, typ=SIGNATURE_TYPE
    )
    return write_canonical({"document": document, "signature": signature})


def _procedure(wanted: WantedProcedure) -> dict[str, Any]:
    procedure = wanted.procedure
    return {
        "slug": procedure.slug,
        "name_vi": procedure.name_vi,
        "service_code": wanted.service_code,
        "code": wanted.code,
        "purpose": procedure.purpose,
        "legal_basis": list(procedure.legal_basis),
        "roles": [
            {
                "role": role.name,
                "fields": [each.name for each in role.plain()],
                "sensitive_fields": [each.name for each in role.sensitive()],
            }
            for role in wanted.roles
        ],
    }


def _evidence(evidence: Evidence) -> dict[str, Any]:
    preflight = evidence.preflight
    return {
        "scenarios": dict(evidence.scenarios),
        "audit": {
            "verified": evidence.audit_broken is None,
            "rows": evidence.audit_rows,
            "hash": evidence.audit_hash,
        },
        "fence": {"official_questions": evidence.official_questions},
        "preflight": {
            "run": preflight.reason is None,
            "passed": preflight.passed,
            "checks": [
                {"name": name, "passed": passed, "detail": detail}
                for name, passed, detail in preflight.checks
            ],
        },
        "parity": {
            "confirmed": preflight.readings(confirmed=True),
            "refuted": preflight.readings(confirmed=False),
        },
    }


def write_page(content: BundleContent, keys: PlaceKeys, *, sha256: str) -> str:
    """Return the page, which shows the bundle's `sha256`."""
    stated, wanted = content.stated, content.wanted
    terms = [("Thời hạn lưu giữ", stated.retention), ("Xóa dữ liệu", stated.deletion)]
    operations = [
        (code, _OPERATION_NAMES_VI[operation], operation.value)
        for operation, code in wanted.operations.items()
    ]
    sections = (
        ("1. Cơ quan đề nghị", ("Nội dung", "Khai báo"), _applicant_rows(content)),
        ("2. Dữ liệu đề nghị khai thác", _DATA_HEADER, _data_rows(wanted.procedures)),
        ("3. Mục đích và căn cứ pháp lý", _PURPOSE_HEADER, _purpose_rows(wanted.procedures)),
        ("4. Dịch vụ của CSDLQGDC", ("Mã", "Tên", "Tên trên thông điệp"), operations),
        ("5. Lưu giữ và xóa dữ liệu", ("Nội dung", "Cam kết"), terms),
        (
            "6. Kết quả trên môi trường thử nghiệm",
            ("Kịch bản", "Kết quả"),
            _evidence_rows(content.evidence),
        ),
    )
    # A command that makes no application need not load it.
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 - see above

    templates = Environment(
        loader=PackageLoader("gateway.applications", "templates"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    return templates.get_template("application.html").render(
        day=content.made_at.astimezone(vietnam()),
        draft=content.draft,
        sections=sections,
        sha256=sha256,
        thumbprint=keys.current(Purpose.APPLICATION).signing_key().thumbprint(),
    )


def _applicant_rows(content: BundleContent) -> Rows:
    stated, organisation = content.stated, content.wanted.organisation
    second, day = stated.rate.per_second, stated.rate.per_day
    rate = f"tối đa {second} lần mỗi giây, {day} lần mỗi ngày" if second and day else ""
    return (
        ("Mã định danh điện tử của cơ quan", organisation.id if organisation else ""),
        ("Tên cơ quan", organisation.name if organisation else ""),
        ("Mã hệ thống, ứng dụng", stated.application_id),
        ("Tên hệ thống, ứng dụng", stated.application_name),
        ("Cấp độ an toàn thông tin", str(stated.security_level or "")),
        ("Đơn vị đầu mối", stated.contact.unit),
        ("Thư điện tử, điện thoại của đơn vị", _joined(stated.contact.email, stated.contact.phone)),
        ("Cán bộ được khai thác", f"{len(content.wanted.officers)} (danh sách gửi riêng, không kèm tệp này)"),
        ("Tần suất dự kiến", rate),
    )


def _data_rows(procedures: Sequence[WantedProcedure]) -> Rows:
    return [
        (
            f"{number}. {wanted.procedure.name_vi} ({_joined(wanted.service_code, wanted.code or '')})",
            SUBJECT_ROLES[Language.VI].get(role.name, role.name),
            _joined(*(each.label_vi for each in role.plain())),
            _joined(*(each.label_vi for each in role.sensitive())),
        )
        for number, wanted in enumerate(procedures, 1)
        for role in wanted.roles
    ]


def _purpose_rows(procedures: Sequence[WantedProcedure]) -> Rows:
    wanted = [each.procedure for each in procedures]
    return [(each.name_vi, each.purpose, "; ".join(each.legal_basis)) for each in wanted]


def _evidence_rows(evidence: Evidence) -> Rows:
    preflight = evidence.preflight
    passed = sum(passed for _, passed, _ in preflight.checks)
    result = f"{passed}/{len(preflight.checks)} mục đạt" if preflight.reason is None else "chưa chạy"
    confirmed, refuted = (len(preflight.readings(confirmed=each)) for each in (True, False))
    audit = "đã kiểm chứng" if evidence.audit_broken is None else "KHÔNG toàn vẹn"
    return [
        *((_SCENARIOS_VI[name], f"{count} lần") for name, count in evidence.scenarios.items()),
        ("Câu hỏi đã gửi tới môi trường chính thức", f"{evidence.official_questions}"),
        ("Kiểm tra kết nối môi trường thử nghiệm", result),
        ("Cách C06 trả lời đã đối chiếu", f"{confirmed} đúng dự đoán, {refuted} khác dự đoán"),
        ("Nhật ký bằng chứng", f"{audit}, {evidence.audit_rows} dòng, {evidence.audit_hash}"),
    ]


def _joined(*texts: str) -> str:
    return ", ".join(text for text in texts if text)
