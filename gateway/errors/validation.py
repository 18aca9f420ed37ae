"""What is expected in place of a wrong value, in both languages.

Pydantic's messages are for programmers ("Input should be a valid string"), so each kind of its errors has a plain text here,
and each text of our own validators has its Vietnamese one.
"""

import re
from collections.abc import Mapping
from typing import Any

_PLAIN: Mapping[str, str] = {
    "missing": "this member is required",
    "extra_forbidden": "no such member",
    "string_type": "a text",
    "string_too_short": "at least {min_length} characters",
    "string_too_long": "at most {max_length} characters",
    "string_pattern_mismatch": "a text of another form; see openapi.json",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "too_short": "at least {min_length} items",
    "too_long": "at most {max_length} items",
    "greater_than_equal": "{ge} or more",
    "less_than_equal": "{le} or less",
    "literal_error": "one of {expected}",
    "enum": "one of {expected}",
    "model_type": "a JSON object",
    "model_attributes_type": "a JSON object",
    "dict_type": "a JSON object",
    "string_unicode": "a text in UTF-8",
}

_VIETNAMESE: tuple[tuple[str, str], ...] = (
    ("this member is required", "thành phần này là bắt buộc"),
    ("a text of another form", "chuỗi không đúng dạng; xem openapi.json"),
    ("a text in UTF-8", "một chuỗi UTF-8"),
    ("a text", "một chuỗi"),
    ("a whole number from ", "một số nguyên từ "),
    ("a whole number", "một số nguyên"),
    ("a number", "một số"),
    ("true or false", "true hoặc false"),
    ("a list", "một danh sách"),
    ("a JSON object", "một đối tượng JSON"),
    ("one of ", "một trong các giá trị "),
    ("12 digits, as printed on the card", "12 chữ số như trên thẻ căn cước"),
    ("9 digits, as printed on the card", "9 chữ số như trên chứng minh nhân dân"),
    ("a date written YYYY-MM-DD", "ngày viết theo dạng YYYY-MM-DD"),
    ("a day that exists in the calendar", "một ngày có thật"),
    ("a day that is not in the future", "một ngày không ở tương lai"),
    ("a day in ", "một ngày từ năm "),
    ("a year from ", "một năm từ "),
    (
        "no control, bidirectional or unassigned characters",
        "không có ký tự điều khiển, ký tự đổi hướng chữ hoặc ký tự chưa có trong Unicode",
    ),
    ("write a week of the calendar as 2022-W17", "viết một tuần có trong lịch theo dạng 2022-W17"),
    ("vi or en", "vi hoặc en"),
    ("exactly one of citizen_id and id_card_number", "đúng một trong citizen_id và id_card_number"),
    ("exactly one of birth_date and birth_year", "đúng một trong birth_date và birth_year"),
    ("exactly one of receipt and verification", "đúng một trong receipt và verification"),
    ("an id for an officer, none for a citizen", "có id nếu là cán bộ, không có nếu là công dân"),
    ("each field once", "mỗi trường một lần"),
    (
        "no run of nine or more digits",
        "không có dãy từ 9 chữ số trở lên, cũng không có 9 hoặc 12 chữ số chia thành nhóm: đó có thể là số định danh",
    ),
    ("at least ", "ít nhất "),
    ("at most ", "nhiều nhất "),
    (
        "letters of the Latin alphabet",
        "chữ cái Latinh, có dấu hoặc không dấu, và chữ số: ít nhất một chữ cái, nhiều nhất 100 ký tự sau khi bỏ dấu",
    ),
    ("an instant written YYYY-MM-DDThh:mm:ssZ", "thời điểm viết theo dạng YYYY-MM-DDThh:mm:ssZ"),
    (
        "reuse across dossiers on official needs its legal basis",
        "dùng lại giữa các hồ sơ ở môi trường chính thức cần có căn cứ pháp lý",
    ),
    (
        "a change of the budgets of answered enquiries needs a reason",
        "thay đổi hạn mức câu trả lời cần có lý do",
    ),
    (
        "no profile may reach this address",
        "không môi trường nào được kết nối tới địa chỉ này, trừ khi GATEWAY_…_NETWORKS nêu địa chỉ đó",
    ),
    ("its host is not among the profile's hosts", "máy chủ không có trong danh sách của môi trường"),
    ("one line of printable characters is expected", "một dòng ký tự in được"),
    ("one header at most", "nhiều nhất một phần đầu này"),
    ("1 to ", "từ 1 đến "),
    ("from ", "từ "),
    ("the audit has no rows yet", "nhật ký chưa có dòng nào"),
    ("a slug, or a code that is valid today", "tên ngắn của thủ tục, hoặc mã thủ tục còn hiệu lực hôm nay"),
    ("a field that GET procedures lists", "một trường mà GET procedures liệt kê"),
    (
        "this procedure's form has no such field for this role",
        "tờ khai của thủ tục này không có trường này cho vai trò này",
    ),
    ("needs scope ", "cần phạm vi (scope) "),
    (
        "not in the grants for this procedure and role",
        "không có trong quyền đã cấp cho thủ tục và vai trò này",
    ),
    ("not in the grants", "không có trong quyền đã cấp"),
    ("not among the account's officers", "không có trong danh sách cán bộ của tài khoản"),
    (
        "not a receipt of this account at this profile",
        "không phải biên nhận của tài khoản này tại môi trường này",
    ),
    ("not what the receipt was issued for", "khác với nội dung mà biên nhận được cấp cho"),
    (
        "sent before with another body; use a new key",
        "khóa này đã gửi với nội dung khác; hãy dùng khóa mới",
    ),
    ("the id of the last discrepancy of the page before", "mã của sai lệch cuối cùng ở trang trước"),
    (
        "a registry field that this prefill was asked for",
        "một trường của cơ sở dữ liệu mà lần điền sẵn này đã yêu cầu",
    ),
    ("one DPoP header is required", "chỉ gửi một DPoP"),
    ("the DPoP header is missing", "thiếu DPoP"),
    (
        "the proof must be a JWT signed with ES256, EdDSA or PS256",
        "bằng chứng phải là JWT ký bằng ES256, EdDSA hoặc PS256",
    ),
    ("typ in the proof's header must be dpop+jwt", "typ ở phần đầu của bằng chứng phải là dpop+jwt"),
    (
        "an ES256 signature is r and s, 64 bytes (RFC 7518), not DER",
        "chữ ký ES256 là r và s, 64 byte (RFC 7518), không phải DER",
    ),
    (
        "jwk in the proof's header must be a public key for its alg",
        "jwk ở phần đầu của bằng chứng phải là khóa công khai hợp với alg",
    ),
    ("the proof is not signed by the key in jwk", "bằng chứng không được ký bằng khóa trong jwk"),
    ("iat is more than ", "iat không phải là số, hoặc lệch đồng hồ của gateway hơn "),
    ("htm is not the method of this call", "htm không phải là phương thức của cuộc gọi này"),
    ("htu is not the address of this call", "htu không phải là địa chỉ của cuộc gọi này"),
    ("ath is not the hash of the access token", "ath không phải là giá trị băm của mã truy cập"),
    ("jti is 1 to ", "jti phải có từ 1 đến "),
    ("jwk is not the key that the token is bound to", "jwk không phải là khóa gắn với mã truy cập"),
    ("jti was used before with this key", "jti đã được dùng với khóa này"),
    ("form or alg", "dạng hoặc alg"),
    ("typ or kid", "typ hoặc kid"),
    ("signature", "chữ ký"),
    ("two headers", "có hai Citizen-Token"),
    ("no login is configured for this profile", "môi trường này chưa cấu hình hệ thống đăng nhập"),
    ("needs the role ", "cần vai trò "),
    ("was not run", "chưa được chạy"),
    ("is not of the last hour", "đã quá một giờ"),
    ("failed", "không đạt"),
    ("the member at position ", "thành phần ở vị trí "),
    ("the parameter at position ", "tham số ở vị trí "),
)
_UNITS = (
    (" printable characters", " ký tự in được"),
    (" characters", " ký tự"),
    (" items", " mục"),
    (" character", " ký tự"),
    (" item", " mục"),
    (" s from the gateway's clock, or no number", " giây"),
    (" marks on one letter", " dấu trên một chữ"),
    (" (counting from 0) is not known", " (đếm từ 0) không có trong đặc tả"),
    (" (counting from 0) is repeated", " (đếm từ 0) bị lặp lại"),
    (" of A-Z", " ký tự trong A-Z"),
    (" of ", " của "),
    (" or more", " trở lên"),
    (" or less", " trở xuống"),
    (" to this year", " đến năm nay"),
    (" or later", " trở đi"),
    (" to ", " đến "),
    (" or ", " hoặc "),
)
_MANY_OF_ONE = re.compile(r"(?<= )(1 (?:character|item))s\b")
_SIDES = {"or more": "trở lên", "or less": "trở xuống"}


def in_plain_words(kind: str, message: str, context: Mapping[str, Any]) -> str:
    """Return what is expected where Pydantic found an error of this kind; our own messages are plain already."""
    words = "a date written YYYY-MM-DD" if kind.startswith("date_") else _PLAIN.get(kind)
    if words is not None:
        return _MANY_OF_ONE.sub(r"\1", words.format_map(dict(context)))
    return message.removeprefix("Value error, ")


def in_vietnamese(words: str) -> str | None:
    """Return what is expected in Vietnamese; None without a translation."""
    for start, meaning in _VIETNAMESE:
        if words.startswith(start):
            rest = words.removeprefix(start)
            if start.endswith(" "):
                for unit, translated in _UNITS:
                    rest = rest.replace(unit, translated)
                return meaning + rest
            return meaning
    bound, _, side = words.partition(" ")
    if bound.isdecimal() and side in _SIDES:
        return f"từ {bound} {_SIDES[side]}"
    return None
