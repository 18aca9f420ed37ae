"""The printable page of an application, in Vietnamese: one self-contained HTML file, no script, nothing loaded.

It is what the agency signs and stamps: it shows the bundle's hash and the signing key's thumbprint, by which the desk
knows that the file it got is the one that was signed on paper. Every value is escaped.
"""

from collections.abc import Iterable, Sequence
from html import escape

from gateway.applications.document import OPERATION_NAMES_VI, Dossier
from gateway.applications.model import Evidence, WantedProcedure
from gateway.clock import vietnam
from gateway.keys.model import PlaceKeys, Purpose
from gateway.procedures.model import FormField

_ROLES_VI = {
    "requester": "Người yêu cầu",
    "father": "Cha",
    "mother": "Mẹ",
    "husband": "Chồng",
    "wife": "Vợ",
    "deceased": "Người chết",
    "guest": "Người lưu trú",
    "household_head": "Chủ hộ",
}
_SCENARIOS_VI = {
    "verification_confirmed": "Xác thực: thông tin khớp",
    "verification_reused": "Dùng lại kết quả xác thực, không hỏi lần hai",
    "verification_not_confirmed": "Xác thực: thông tin không khớp",
    "prefill_delivered": "Điền sẵn tờ khai",
    "over_asking_refused": "Từ chối yêu cầu vượt quyền khai thác",
    "other_profile_refused": "Từ chối mã truy cập thử nghiệm tại cổng chính thức",
}
_STYLE = """\
@page { size: A4; margin: 20mm 18mm 20mm 25mm }
body { font: 11pt/1.45 "Times New Roman", "Liberation Serif", serif; color: #000; background: #fff;
  max-width: 175mm; margin: 12mm auto }
header { text-align: center } header p { margin: 0 } h1 { font-size: 15pt; margin: 8mm 0 4mm }
h2 { font-size: 12pt; margin: 6mm 0 2mm; break-after: avoid }
table { border-collapse: collapse; width: 100%; font-size: 10pt } tr { break-inside: avoid }
th, td { border: 0.4pt solid #555; padding: 1mm 2mm; text-align: left; vertical-align: top }
th { background: #eee } code { font: 9pt monospace; overflow-wrap: anywhere }
.draft { border: 1.5pt solid #000; padding: 3mm; font-weight: bold; text-align: center }
.signatures { display: flex; justify-content: space-between; margin-top: 12mm; break-inside: avoid }
.signatures div { width: 45%; text-align: center; min-height: 35mm }
@media print { body { margin: 0; max-width: none } th { background: none } }
"""


def write_page(dossier: Dossier, keys: PlaceKeys, *, sha256: str) -> str:
    """Return the page; `sha256` is the bundle's, and stands on it."""
    key = keys.current(Purpose.APPLICATION)
    thumbprint = key.signing_key().thumbprint()
    parts = (
        _head(dossier),
        _applicant(dossier),
        _wanted(dossier.wanted.procedures),
        _operations(dossier),
        _care(dossier),
        _evidence(dossier.evidence),
        _seal(sha256, thumbprint),
    )
    return (
        '<!doctype html>\n<html lang="vi">\n<head>\n<meta charset="utf-8">\n'
        "<title>Đề nghị cấp tài khoản kết nối chính thức</title>\n"
        f"<style>\n{_STYLE}</style>\n</head>\n<body>\n{''.join(parts)}</body>\n</html>\n"
    )


def _head(dossier: Dossier) -> str:
    draft = '<p class="draft">BẢN NHÁP: chưa đủ nội dung, không gửi đi</p>\n' if dossier.draft else ""
    day = dossier.made_at.astimezone(vietnam())
    return (
        "<header>\n<p><strong>CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM</strong></p>\n"
        "<p>Độc lập - Tự do - Hạnh phúc</p>\n<h1>ĐỀ NGHỊ CẤP TÀI KHOẢN KẾT NỐI CHÍNH THỨC</h1>\n"
        "<p>tới Cơ sở dữ liệu quốc gia về dân cư (Nghị định 47/2020/NĐ-CP, Điều 35)</p>\n"
        f"<p>Lập ngày {day:%d/%m/%Y}, {day:%H:%M} (giờ Việt Nam)</p>\n</header>\n{draft}"
    )


def _applicant(dossier: Dossier) -> str:
    stated, organisation = dossier.stated, dossier.wanted.organisation
    rows = (
        ("Mã định danh điện tử của cơ quan", organisation.id if organisation else ""),
        ("Tên cơ quan", organisation.name if organisation else ""),
        ("Mã hệ thống, ứng dụng", stated.application_id),
        ("Tên hệ thống, ứng dụng", stated.application_name),
        ("Cấp độ an toàn thông tin", str(stated.security_level or "")),
        ("Đơn vị đầu mối", stated.contact.unit),
        ("Thư điện tử, điện thoại của đơn vị", _joined(stated.contact.email, stated.contact.phone)),
        ("Cán bộ được khai thác", f"{len(dossier.wanted.officers)} (danh sách gửi riêng, không kèm tệp này)"),
        ("Tần suất dự kiến", _rate(dossier)),
    )
    return f"<h2>1. Cơ quan đề nghị</h2>\n{_table(('Nội dung', 'Khai báo'), rows)}"


def _rate(dossier: Dossier) -> str:
    second, day = dossier.stated.rate_per_second, dossier.stated.rate_per_day
    return f"tối đa {second} lần mỗi giây, {day} lần mỗi ngày" if second and day else ""


def _wanted(procedures: Sequence[WantedProcedure]) -> str:
    rows = [
        (
            f"{number}. {wanted.procedure.name_vi} ({_joined(wanted.service_code, wanted.code or '')})",
            _ROLES_VI.get(role.name, role.name),
            _labels(role.plain()),
            _labels(role.sensitive()),
        )
        for number, wanted in enumerate(procedures, 1)
        for role in wanted.roles
    ]
    header = ("Thủ tục (mã dịch vụ, mã thủ tục)", "Về ai", "Dữ liệu đề nghị", "Dữ liệu nhạy cảm")
    purposes = [
        (wanted.procedure.name_vi, wanted.procedure.purpose, "; ".join(wanted.procedure.legal_basis))
        for wanted in procedures
    ]
    return (
        f"<h2>2. Dữ liệu đề nghị khai thác</h2>\n{_table(header, rows)}"
        "<h2>3. Mục đích và căn cứ pháp lý</h2>\n"
        f"{_table(('Thủ tục', 'Mục đích', 'Căn cứ pháp lý'), purposes)}"
    )


def _operations(dossier: Dossier) -> str:
    rows = [
        (code, OPERATION_NAMES_VI[operation], operation.value)
        for operation, code in dossier.wanted.operations.items()
    ]
    return f"<h2>4. Dịch vụ của CSDLQGDC</h2>\n{_table(('Mã', 'Tên', 'Tên trên thông điệp'), rows)}"


def _care(dossier: Dossier) -> str:
    rows = (("Thời hạn lưu giữ", dossier.stated.retention), ("Xóa dữ liệu", dossier.stated.deletion))
    return f"<h2>5. Lưu giữ và xóa dữ liệu</h2>\n{_table(('Nội dung', 'Cam kết'), rows)}"


def _evidence(evidence: Evidence) -> str:
    trial = evidence.trial
    held = sum(passed for _, passed, _ in trial.checks)
    told = f"{held}/{len(trial.checks)} mục đạt" if trial.reason is None else "chưa chạy"
    chain = "đã kiểm chứng" if evidence.audit_broken is None else "KHÔNG toàn vẹn"
    rows = [(_SCENARIOS_VI[name], f"{count} lần") for name, count in evidence.scenarios.items()]
    readings = evidence.readings
    rows += [
        ("Câu hỏi đã gửi tới môi trường chính thức", f"{evidence.official_questions}"),
        ("Kiểm tra kết nối môi trường thử nghiệm", told),
        (
            "Cách C06 trả lời đã đối chiếu",
            f"{len(readings.confirmed)} đúng dự đoán, {len(readings.refuted)} khác dự đoán",
        ),
    ]
    rows.append(("Nhật ký bằng chứng", f"{chain}, {evidence.audit_rows} dòng, {evidence.audit_hash}"))
    return f"<h2>6. Kết quả trên môi trường thử nghiệm</h2>\n{_table(('Kịch bản', 'Kết quả'), rows)}"


def _seal(sha256: str, thumbprint: str) -> str:
    return (
        "<h2>7. Tệp hồ sơ điện tử</h2>\n"
        f"<p>SHA-256 của tệp: <code>{escape(sha256)}</code></p>\n"
        f"<p>Dấu vân tay khóa ký (RFC 7638): <code>{escape(thumbprint)}</code></p>\n"
        "<p>Thông tin tài khoản được cấp phải niêm phong bằng khóa công khai trong tệp.</p>\n"
        '<div class="signatures">\n<div><strong>ĐƠN VỊ ĐẦU MỐI</strong></div>\n'
        "<div><strong>THỦ TRƯỞNG CƠ QUAN</strong><br>(ký, đóng dấu)</div>\n</div>\n"
    )


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>\n" for row in rows)
    return f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>\n"


def _labels(fields: Iterable[FormField]) -> str:
    return ", ".join(each.label_vi for each in fields)


def _joined(*texts: str) -> str:
    return ", ".join(text for text in texts if text)
