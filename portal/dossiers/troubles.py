"""What went wrong, in words for citizens: what happened, and what they can do. One row for each state."""

from portal.pages import Text

_HAND = Text(
    "Quý vị có thể thử lại, hoặc tự khai và nộp kèm bản chính khi được yêu cầu.",
    "Try again, or declare by hand and bring the original when asked.",
)

TROUBLES: dict[str, tuple[Text, Text]] = {
    "not_confirmed": (
        Text("Thông tin chưa khớp với Cơ sở dữ liệu quốc gia về dân cư", "The data don't agree with the national population database"),
        Text("Hệ thống không cho biết phần nào chưa khớp. Hãy đối chiếu từng chữ số, họ tên và ngày sinh với giấy tờ rồi gửi lại. Nếu vẫn chưa khớp, hãy tự khai, và liên hệ công an nơi cư trú để kiểm tra dữ liệu.",
             "The system doesn't say which part differs. Compare every digit, the name and the birth date with the papers and send again. If it still differs, declare by hand and have the police of the residence check the data."),
    ),
    "registry_timeout": (Text("Cơ sở dữ liệu trả lời quá chậm", "The database is too slow"), _HAND),
    "registry_unavailable": (Text("Cơ sở dữ liệu đang tạm ngừng", "The database is down"), _HAND),
    "registry_refused": (Text("Cơ sở dữ liệu từ chối câu hỏi này", "The database refuses this question"), _HAND),
    "registry_answer_invalid": (Text("Cơ sở dữ liệu trả lời không đọc được", "The database's answer can't be read"), _HAND),
    "registry_credentials_rejected": (Text("Kết nối với cơ sở dữ liệu bị từ chối", "The connection to the database is refused"), _HAND),
    "enquiry_budget_spent": (
        Text("Đã thử quá nhiều lần với thông tin chưa khớp", "Too many tries with data that don't agree"),
        Text("Để bảo vệ người có số định danh này, hệ thống tạm ngừng nhận thêm. Hãy chờ rồi thử lại, hoặc tự khai.",
             "To protect the person with this number, no more tries are taken for a while. Wait and try again, or declare by hand."),
    ),
    "account_suspended": (
        Text("Kết nối của cổng dịch vụ đang bị tạm dừng", "The portal's connection is suspended"),
        Text("Đây là việc của cơ quan vận hành, không phải lỗi của quý vị. Quý vị có thể tự khai.",
             "This is for the operators, and not your mistake. You can declare by hand."),
    ),
    "profile_suspended": (
        Text("Việc khai thác dữ liệu dân cư đang tạm dừng", "Reading the population database is suspended"),
        Text("Đây là việc của cơ quan vận hành. Quý vị có thể tự khai.", "This is for the operators. You can declare by hand."),
    ),
    "officer_not_granted": (
        Text("Cán bộ này chưa được cấp quyền", "This officer is not granted"),
        Text("Tài khoản của cổng không có tên cán bộ này. Hãy đăng nhập bằng cán bộ khác, hoặc đề nghị cơ quan vận hành bổ sung.",
             "The portal's account doesn't name this officer. Sign in as another, or ask the operators to add them."),
    ),
    "consent_missing": (
        Text("Hãy xác nhận ô đồng ý trước khi hỏi về người này.", "Confirm the consent before asking about this person."),
        Text("", ""),
    ),
    "claim_invalid": (
        Text("Thông tin viết chưa đúng quy cách", "The data are not written rightly"),
        Text("Hãy xem lại số, họ tên và ngày sinh.", "Look at number, name and birth date again."),
    ),
    "rate_limited": (Text("Quá nhiều câu hỏi cùng lúc", "Too many questions at once"), _HAND),
    "overloaded": (Text("Hệ thống đang quá tải", "The system is overloaded"), _HAND),
    "gateway_unreachable": (Text("Không kết nối được với cổng xác thực", "The verification gateway can't be reached"), _HAND),
    "verification_expired": (
        Text("Lần xác thực đã hết hạn trong khi quý vị điền", "The verification expired while you were filling the form"),
        Text("Những gì quý vị đã nhập vẫn còn nguyên. Hãy xác thực lại bằng một lần bấm, hoặc tự khai.",
             "What you typed is kept. Verify again with one press, or declare by hand."),
    ),
    "verification_revoked": (
        Text("Lần xác thực đã được thu hồi", "The verification was revoked"),
        Text("Những gì quý vị đã nhập vẫn còn nguyên. Hãy xác thực lại, hoặc tự khai.", "What you typed is kept. Verify again, or declare by hand."),
    ),
    "verification_invalidated": (
        Text("Dữ liệu của người này vừa thay đổi trong cơ sở dữ liệu", "This person's record has just changed in the database"),
        Text("Những gì quý vị đã nhập vẫn còn nguyên. Hãy xác thực lại, hoặc tự khai.", "What you typed is kept. Verify again, or declare by hand."),
    ),
}  # fmt: skip
OTHER = (Text("Chưa xác thực được", "It could not be verified"), _HAND)

REASONS = {
    "registry_has_none": Text("Cơ sở dữ liệu không có thông tin này.", "The database has no such value."),
    "registry_unavailable": Text("Cơ sở dữ liệu không trả lời phần này.", "The database gave no answer to this part."),
    "registry_refused": Text("Cơ sở dữ liệu từ chối phần này.", "The database refused this part."),
    "registry_answer_invalid": Text("Không đọc được phần trả lời này của cơ sở dữ liệu.", "This part of the answer can't be read."),
    "not_granted": Text("Cổng này không được cấp quyền đọc thông tin này.", "This portal may not read this value."),
    "not_asked": Text("Cổng không hỏi thông tin này.", "The portal doesn't ask for this value."),
    "not_from_registry": Text("", ""),
    "under_correction": Text("Quý vị đã báo thông tin này không đúng; giá trị do công dân khai.", "You reported this value as wrong; it is declared by the citizen."),
    "by_hand": Text("Do công dân khai.", "Declared by the citizen."),
}  # fmt: skip


def explain(code: str) -> tuple[Text, Text]:
    """Return what happened, and what the citizen can do."""
    return TROUBLES.get(code, OTHER)
