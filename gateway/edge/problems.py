"""The table of errors for callers: a status and texts for each class (RFC 9457). The machine code is the class's.

`detail` says what the caller does, `citizen` what the citizen can do; each in Vietnamese too.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.errors import GatewayError, operators, requests


@dataclass(frozen=True, slots=True)
class Problem:
    """Status and texts of one class of errors; `citizen_vi` and `citizen` say what the citizen can do, if anything."""

    status: int
    title: str
    title_vi: str
    detail: str
    detail_vi: str
    citizen_vi: str = ""
    citizen: str = ""


class Internal(GatewayError, code="internal"):
    """An unexpected failure; the caller gets only the request id."""


_DECLARE = (
    "Vui lòng tự khai các mục này, hoặc thử lại sau.",
    "Fill in these entries yourself, or try again later.",
)
_WAIT = (
    "Vui lòng thử lại sau ít phút.",
    "Please try again in a few minutes.",
)
_SIGN_IN = (
    "Vui lòng đăng nhập lại để tiếp tục.",
    "Please sign in again to continue.",
)
_CONFIRM = (
    "Vui lòng xác nhận lại thông tin của mình để tiếp tục.",
    "Please confirm your details once more to continue.",
)

_ROWS: tuple[tuple[type[GatewayError], Problem], ...] = (
    (requests.HttpInvalid, Problem(
        400, "Malformed HTTP", "Yêu cầu HTTP không hợp lệ",
        "Send one well-formed HTTP/1.1 request. A body with an offer to upgrade is refused: with java.net.http set "
        "HttpClient.Version.HTTP_1_1.",
        "Gửi một yêu cầu HTTP/1.1 đúng cú pháp. Yêu cầu có phần thân kèm đề nghị nâng cấp (Upgrade) bị từ chối: với "
        "java.net.http, hãy đặt HttpClient.Version.HTTP_1_1.",
    )),
    (requests.JsonInvalid, Problem(
        400, "Malformed JSON", "JSON không hợp lệ",
        "Send one JSON object in UTF-8 with distinct member names.",
        "Gửi một đối tượng JSON, mã hóa UTF-8, tên thành phần không trùng nhau.",
    )),
    (requests.TokenMissing, Problem(
        401, "No access token", "Thiếu mã truy cập",
        "Send Authorization: Bearer or DPoP with a token of this profile; at /ops/v1 an operator's.",
        "Gửi Authorization: Bearer hoặc DPoP với mã truy cập của môi trường này; tại /ops/v1 là mã của người vận hành.",
    )),
    (requests.TokenInvalid, Problem(
        401, "Access token not accepted", "Mã truy cập không được chấp nhận",
        "Fetch a new token at this profile's token endpoint; an operator signs in again.",
        "Lấy mã truy cập mới của môi trường này; người vận hành thì đăng nhập lại.",
    )),
    (requests.TokenExpired, Problem(
        401, "Access token expired", "Mã truy cập đã hết hạn",
        "Fetch a new token at this profile's token endpoint.",
        "Lấy mã truy cập mới của môi trường này.",
    )),
    (requests.DpopProofInvalid, Problem(
        401, "DPoP proof not accepted", "Bằng chứng DPoP không được chấp nhận",
        "Send a new proof for this method, address and token, signed with the token's key.",
        "Gửi bằng chứng mới cho phương thức, địa chỉ và mã truy cập này, ký bằng khóa gắn với mã truy cập.",
    )),
    (requests.CitizenTokenMissing, Problem(
        401, "Citizen login missing", "Thiếu đăng nhập của công dân",
        "Send Citizen-Token with the ID token of the citizen who has signed in at the national login.",
        "Gửi Citizen-Token với ID token của công dân vừa đăng nhập hệ thống định danh quốc gia.",
        *_SIGN_IN,
    )),
    (requests.CitizenTokenInvalid, Problem(
        401, "Citizen login not accepted", "Đăng nhập của công dân không được chấp nhận",
        "Let the citizen sign in again, and send the new ID token: of this profile's login and one of its clients, at most 15 minutes after signing in.",
        "Cho công dân đăng nhập lại rồi gửi ID token mới: của hệ thống đăng nhập và ứng dụng mà môi trường này chấp nhận, không quá 15 phút sau khi đăng nhập.",
        *_SIGN_IN,
    )),
    (operators.LoginInvalid, Problem(
        401, "Sign-in not accepted", "Đăng nhập không được chấp nhận",
        "Check name, password and code; wait for the authenticator's next code, since each works once.",
        "Kiểm tra tên, mật khẩu và mã; chờ mã kế tiếp, vì mỗi mã chỉ dùng được một lần.",
    )),
    (requests.ScopeMissing, Problem(
        403, "Scope missing", "Thiếu phạm vi truy cập",
        "The token lacks the scope that this needs; ask for it at the token endpoint.",
        "Mã truy cập thiếu phạm vi cần thiết; hãy yêu cầu phạm vi đó khi lấy mã truy cập.",
    )),
    (requests.ProcedureNotGranted, Problem(
        403, "Procedure not granted", "Thủ tục chưa được cấp quyền",
        "This account may not act in this procedure: GET me shows its grants, and the gateway's operators change them.",
        "Tài khoản này không được dùng thủ tục này: GET me cho biết quyền đã cấp, người vận hành gateway thay đổi quyền.",
    )),
    (requests.SubjectRoleNotGranted, Problem(
        403, "Role not granted", "Vai trò chưa được cấp quyền",
        "This account may not ask about this role in this procedure: GET me shows its grants, and the gateway's operators change them.",
        "Tài khoản này không được hỏi về vai trò này trong thủ tục này: GET me cho biết quyền đã cấp, người vận hành gateway thay đổi quyền.",
    )),
    (requests.FieldNotGranted, Problem(
        403, "Field not granted", "Trường dữ liệu chưa được cấp quyền",
        "Ask only for fields in the account's authorization_details; nothing was asked of the registry.",
        "Chỉ yêu cầu các trường có trong authorization_details của tài khoản; chưa có câu hỏi nào gửi tới cơ sở dữ liệu.",
    )),
    (requests.OfficerNotGranted, Problem(
        403, "Officer not granted", "Cán bộ chưa được cấp quyền",
        "Name one of the account's officers.",
        "Gửi mã của một cán bộ có trong danh sách của tài khoản.",
    )),
    (requests.ProfileMismatch, Problem(
        403, "Token of the other profile", "Mã truy cập thuộc môi trường khác",
        "This token is valid at the other profile only: fetch one at this profile's token endpoint.",
        "Mã truy cập này chỉ dùng được ở môi trường kia: hãy lấy mã truy cập của môi trường này.",
    )),
    (requests.AccountSuspended, Problem(
        403, "Account suspended", "Tài khoản bị tạm ngưng",
        "Ask the gateway's operators to resume the account.",
        "Đề nghị người vận hành gateway mở lại tài khoản.",
    )),
    (operators.RoleMissing, Problem(
        403, "Role missing", "Thiếu vai trò",
        "An operator with another role must do this; GET /ops/v1/operators lists the roles.",
        "Người vận hành có vai trò khác phải làm việc này; GET /ops/v1/operators liệt kê các vai trò.",
    )),
    (operators.SameOperator, Problem(
        403, "Second person needed", "Cần người thứ hai",
        "An operator who did not propose the change must do this.",
        "Việc này phải do một người vận hành khác, không phải người đề xuất thay đổi, thực hiện.",
    )),
    (requests.NotFound, Problem(
        404, "Not found", "Không tìm thấy",
        "The address is wrong, or this account may not see what is here.",
        "Địa chỉ không đúng, hoặc tài khoản này không được xem nội dung ở đây.",
    )),
    (requests.MethodNotAllowed, Problem(
        405, "Method not allowed", "Phương thức không được phép",
        "See the Allow header.",
        "Xem phần đầu Allow.",
    )),
    (requests.NotAcceptable, Problem(
        406, "Not acceptable", "Không có định dạng phù hợp",
        "Accept application/json.",
        "Gửi tiêu đề Accept: application/json.",
    )),
    (requests.BodySlow, Problem(
        408, "Body too slow", "Nội dung gửi quá chậm",
        "Send the whole body within 15 seconds.",
        "Gửi toàn bộ nội dung trong 15 giây.",
    )),
    (requests.VerificationExpired, Problem(
        409, "Verification expired", "Kết quả xác thực đã hết hạn",
        "Verify the citizen again.",
        "Xác thực lại công dân.",
        *_CONFIRM,
    )),
    (requests.VerificationNotConfirmed, Problem(
        409, "Verification not confirmed", "Chưa xác thực được công dân",
        "Only a confirmed verification can carry a prefill.",
        "Chỉ kết quả đã xác thực mới điền được biểu mẫu.",
        "Vui lòng kiểm tra họ tên, số định danh và ngày sinh theo thẻ căn cước, rồi thử lại hoặc tự khai.",
        "Check name, number and birth date against your card, then try again or fill in the form yourself.",
    )),
    (requests.VerificationInvalidated, Problem(
        409, "Verification invalidated", "Kết quả xác thực không còn giá trị",
        "The registry's data changed or the verification was revoked; verify again.",
        "Dữ liệu đã thay đổi hoặc kết quả đã bị thu hồi; hãy xác thực lại.",
        "Vui lòng xác nhận lại thông tin; nếu vẫn không được, hãy liên hệ Công an xã, phường nơi cư trú.",
        "Please confirm your details once more; if that fails, ask the police of your ward or commune.",
    )),
    (requests.IdempotencyInProgress, Problem(
        409, "Request in progress", "Yêu cầu đang được xử lý",
        "The same request is being answered; send it again as Retry-After says.",
        "Yêu cầu này đang được trả lời; gửi lại theo Retry-After.",
        "Yêu cầu của quý vị đang được xử lý, vui lòng chờ.",
        "Your request is being processed, please wait.",
    )),
    (requests.IdempotencyAnswerGone, Problem(
        409, "Answer no longer kept", "Kết quả không còn được lưu giữ",
        "The request was answered, but the answer is no longer kept; send a new request with a new key.",
        "Yêu cầu đã được trả lời nhưng kết quả không còn được lưu; gửi yêu cầu mới với khóa mới.",
    )),
    (operators.DiffChanged, Problem(
        409, "Change has changed", "Nội dung thay đổi đã khác",
        "Read the change again and send its present diff_hash.",
        "Đọc lại thay đổi và gửi diff_hash hiện tại.",
    )),
    (operators.StateWrong, Problem(
        409, "Not in this state", "Trạng thái không cho phép",
        "The present state does not allow this; read it again.",
        "Trạng thái hiện tại không cho phép; hãy đọc lại.",
    )),
    (requests.BodyTooLarge, Problem(
        413, "Body too large", "Nội dung quá lớn",
        "Send at most 64 KiB.",
        "Gửi nhiều nhất 64 KiB.",
    )),
    (requests.MediaTypeUnsupported, Problem(
        415, "Media type unsupported", "Kiểu nội dung không được hỗ trợ",
        "Send application/json in UTF-8, not encoded.",
        "Gửi application/json, UTF-8, không nén.",
    )),
    (requests.RequestInvalid, Problem(
        422, "Request invalid", "Yêu cầu không hợp lệ",
        "Correct the fields named in errors.",
        "Sửa các trường nêu trong errors.",
    )),
    (requests.ClaimInvalid, Problem(
        422, "Claim invalid", "Thông tin công dân không hợp lệ",
        "Correct the fields named in errors; nothing was asked of the registry.",
        "Sửa các trường nêu trong errors; chưa có câu hỏi nào gửi tới cơ sở dữ liệu.",
        "Vui lòng kiểm tra và sửa mục được đánh dấu theo đúng thẻ căn cước.",
        "Check the marked entry and correct it as your card shows it.",
    )),
    (requests.FieldUnknown, Problem(
        422, "Field unknown", "Trường dữ liệu không tồn tại",
        "Ask for fields that GET procedures lists.",
        "Yêu cầu các trường mà GET procedures liệt kê.",
    )),
    (requests.FieldNotInProcedure, Problem(
        422, "Field not in this procedure", "Trường dữ liệu không thuộc thủ tục này",
        "Ask for fields of this procedure's form for this role.",
        "Yêu cầu các trường của biểu mẫu này cho vai trò này.",
    )),
    (requests.ProcedureUnknown, Problem(
        422, "Procedure unknown", "Thủ tục không tồn tại",
        "Use a slug, or a procedure code that is valid today.",
        "Dùng tên ngắn của thủ tục, hoặc mã thủ tục còn hiệu lực hôm nay.",
    )),
    (requests.SubjectRoleUnknown, Problem(
        422, "Role unknown", "Vai trò không tồn tại",
        "Use a role of this procedure.",
        "Dùng một vai trò của thủ tục này.",
    )),
    (requests.ReceiptInvalid, Problem(
        422, "Receipt not accepted", "Biên nhận không được chấp nhận",
        "Use a receipt of this account, profile, procedure, dossier and role.",
        "Dùng biên nhận của đúng tài khoản, môi trường, thủ tục, hồ sơ và vai trò này.",
    )),
    (requests.IdempotencyConflict, Problem(
        422, "Key used for another request", "Khóa đã dùng cho yêu cầu khác",
        "Send the same body as before, or a new Idempotency-Key.",
        "Gửi lại đúng nội dung trước, hoặc dùng Idempotency-Key mới.",
    )),
    (operators.PreflightFailed, Problem(
        422, "Preflight failed", "Kiểm tra trước không đạt",
        "Correct what the failed checks name, and run the preflight again.",
        "Sửa những gì các mục kiểm tra không đạt nêu ra, rồi kiểm tra lại.",
    )),
    (requests.RateLimited, Problem(
        429, "Too many requests", "Quá nhiều yêu cầu",
        "Wait as Retry-After says.",
        "Chờ theo Retry-After.",
        *_WAIT,
    )),
    (requests.EnquiryBudgetSpent, Problem(
        429, "Enquiry budget spent", "Đã hết hạn mức tra cứu",
        "The budget named in budget is used up: account_hour, subject_day and own_login_day count claims that were not confirmed, confirmed_hour and confirmed_day answered enquiries. Wait as Retry-After says: then one claim is let through, or for confirmed_hour and confirmed_day enquiries are answered again.",
        "Hạn mức nêu trong budget đã hết: account_hour, subject_day và own_login_day đếm thông tin khai không khớp, confirmed_hour và confirmed_day đếm câu trả lời. Chờ theo Retry-After: khi đó một lần tra cứu được nhận; với confirmed_hour và confirmed_day thì lại tra cứu được.",
        "Hiện chưa tra cứu thêm được. Vui lòng kiểm tra thông tin theo thẻ căn cước rồi thử lại sau, hoặc tự khai.",
        "No further check is possible now. Check your details against your card and try again later, or fill in the form yourself.",
    )),
    (operators.PreflightBudgetSpent, Problem(
        429, "Preflight budget spent", "Đã hết hạn mức kiểm tra trước",
        "Questions about a test identity have an hourly budget for each profile, preflights one for each change; the registry was not asked. Wait as Retry-After says.",
        "Câu hỏi về công dân thử nghiệm có hạn mức mỗi giờ cho từng môi trường, kiểm tra trước có hạn mức cho từng thay đổi; chưa hỏi cơ sở dữ liệu. Chờ theo Retry-After.",
    )),
    (requests.HeadersTooLarge, Problem(
        431, "Headers too large", "Phần đầu yêu cầu quá lớn",
        "Send fewer or shorter headers.",
        "Gửi ít phần đầu hơn hoặc ngắn hơn.",
    )),
    (Internal, Problem(
        500, "Internal error", "Lỗi hệ thống",
        "Tell the gateway's operators the request_id.",
        "Báo request_id cho người vận hành gateway.",
        *_WAIT,
    )),
    (requests.RegistryRefused, Problem(
        502, "Registry refused", "Cơ sở dữ liệu từ chối",
        "The registry refused with the code in registry_code. Let the citizen declare, and tell the gateway's operators the request_id.",
        "Cơ sở dữ liệu từ chối với mã trong registry_code. Để công dân tự khai, và báo request_id cho người vận hành gateway.",
        *_DECLARE,
    )),
    (requests.RegistryAnswerInvalid, Problem(
        502, "Registry answer invalid", "Kết quả từ cơ sở dữ liệu không hợp lệ",
        "The registry's answer failed the gateway's checks; nothing of it is delivered. Let the citizen declare, and tell the gateway's operators the request_id.",
        "Câu trả lời của cơ sở dữ liệu không qua được kiểm tra; không phần nào được chuyển đi. Để công dân tự khai, và báo request_id cho người vận hành gateway.",
        *_DECLARE,
    )),
    (requests.RegistryCredentialsRejected, Problem(
        502, "Registry login rejected", "Cơ sở dữ liệu từ chối đăng nhập",
        "The gateway's operators must correct its credentials: tell them the request_id. Let the citizen declare.",
        "Người vận hành gateway phải sửa thông tin đăng nhập vào cơ sở dữ liệu: hãy báo request_id cho họ. Để công dân tự khai.",
        *_DECLARE,
    )),
    (requests.RegistryUnavailable, Problem(
        503, "Registry unavailable", "Cơ sở dữ liệu tạm ngừng",
        "Try again as Retry-After says, or let the citizen declare.",
        "Thử lại theo Retry-After, hoặc để công dân tự khai.",
        *_DECLARE,
    )),
    (requests.ProfileSuspended, Problem(
        503, "Profile suspended", "Kết nối đang tạm ngưng",
        "The gateway's operators suspended this profile. Let the citizen declare; receipts can still be checked.",
        "Người vận hành gateway đã tạm ngưng môi trường này. Để công dân tự khai; vẫn kiểm tra được biên nhận.",
        *_DECLARE,
    )),
    (requests.ProfileUnconfigured, Problem(
        503, "Profile not connected", "Chưa cấu hình kết nối",
        "This profile has no connection to a registry yet: ask the gateway's operators. Let the citizen declare.",
        "Môi trường này chưa kết nối với cơ sở dữ liệu: hãy hỏi người vận hành gateway. Để công dân tự khai.",
        *_DECLARE,
    )),
    (requests.CitizenLoginUnavailable, Problem(
        503, "Citizen login unavailable", "Hệ thống đăng nhập của công dân không trả lời",
        "The keys of the national login can't be read now, so no ID token can be verified; try again as Retry-After says.",
        "Chưa đọc được khóa của hệ thống định danh quốc gia nên chưa kiểm tra được ID token; thử lại theo Retry-After.",
        *_WAIT,
    )),
    (requests.Overloaded, Problem(
        503, "Overloaded", "Hệ thống quá tải",
        "Too many requests wait now; try again as Retry-After says.",
        "Hàng đợi của gateway đang đầy; thử lại theo Retry-After.",
        *_WAIT,
    )),
    (requests.StoreUnavailable, Problem(
        503, "Store unavailable", "Kho dữ liệu của gateway không hoạt động",
        "The gateway's own store can't work now, and its operators see why; try again as Retry-After says.",
        "Kho dữ liệu của gateway không hoạt động; người vận hành xem được nguyên nhân; thử lại theo Retry-After.",
        *_WAIT,
    )),
    (requests.ProofPending, Problem(
        503, "Proof not ready yet", "Bằng chứng chưa sẵn sàng",
        "The receipt's row is in no signed checkpoint yet; try again as Retry-After says.",
        "Dòng nhật ký của biên nhận chưa nằm trong mốc đối chiếu đã ký; thử lại theo Retry-After.",
    )),
    (requests.RegistryTimeout, Problem(
        504, "Registry timeout", "Cơ sở dữ liệu không trả lời kịp",
        "The registry did not answer within the deadline. Try again once, or let the citizen declare.",
        "Cơ sở dữ liệu không trả lời trong thời hạn. Thử lại một lần, hoặc để công dân tự khai.",
        *_DECLARE,
    )),
)  # fmt: skip

PROBLEMS: Mapping[type[GatewayError], Problem] = dict(_ROWS)


def find_problem(error: GatewayError | type[GatewayError]) -> Problem:
    """Return the row of an error or its class; an error without a row answers as `internal`."""
    kind = error if isinstance(error, type) else type(error)
    return PROBLEMS.get(kind, PROBLEMS[Internal])
