"""Errors as portals see them: one row for each class (RFC 9457), Vietnamese and English.

No inner text, no status inside the gateway, no value of a person: what a row says is all that leaves.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.errors import (
    FieldError,
    GatewayError,
    callers,
    commands,
    idempotency,
    operators,
    places,
    registry,
    requests,
    verifications,
)

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Problem:
    """How one error looks outside."""

    status: int
    code: str
    title: str
    title_vi: str
    detail: str


class Internal(GatewayError):
    """Anything that was not foreseen; only the request id leaves."""


_ROWS: tuple[tuple[type[GatewayError], Problem], ...] = (
    (requests.HttpInvalid, Problem(400, "http_invalid", "Malformed HTTP", "Yêu cầu HTTP không hợp lệ", "Send one well-formed HTTP/1.1 request.")),
    (requests.JsonInvalid, Problem(400, "json_invalid", "Malformed JSON", "JSON không hợp lệ", "Send one JSON object in UTF-8 with distinct member names.")),
    (callers.TokenMissing, Problem(401, "token_missing", "No access token", "Thiếu mã truy cập", "Send Authorization: Bearer or DPoP with a token of this profile; at /ops/v1 an operator's.")),
    (callers.TokenInvalid, Problem(401, "token_invalid", "Access token not accepted", "Mã truy cập không được chấp nhận", "Fetch a new token at this profile's token endpoint; an operator signs in again.")),
    (callers.TokenExpired, Problem(401, "token_expired", "Access token expired", "Mã truy cập đã hết hạn", "Fetch a new token at this profile's token endpoint.")),
    (callers.DpopProofInvalid, Problem(401, "dpop_proof_invalid", "DPoP proof not accepted", "Bằng chứng DPoP không được chấp nhận", "Send a fresh proof for this method, address and token, signed with the token's key.")),
    (operators.LoginInvalid, Problem(401, "login_invalid", "Sign-in not accepted", "Đăng nhập không được chấp nhận", "Check name, password and code; wait for the authenticator's next code, since each works once.")),
    (callers.ScopeMissing, Problem(403, "scope_missing", "Scope missing", "Thiếu phạm vi truy cập", "The token lacks the scope that this needs; ask for it at the token endpoint.")),
    (callers.ProcedureNotGranted, Problem(403, "procedure_not_granted", "Procedure not granted", "Thủ tục chưa được cấp quyền", "This account may not act in this procedure.")),
    (callers.SubjectRoleNotGranted, Problem(403, "subject_role_not_granted", "Role not granted", "Vai trò chưa được cấp quyền", "This account may not ask about this role in this procedure.")),
    (callers.FieldNotGranted, Problem(403, "field_not_granted", "Field not granted", "Trường dữ liệu chưa được cấp quyền", "Ask only for fields in the account's authorization_details; nothing was asked of the registry.")),
    (callers.OfficerNotGranted, Problem(403, "officer_not_granted", "Officer not granted", "Cán bộ chưa được cấp quyền", "Name one of the account's officers.")),
    (callers.ProfileMismatch, Problem(403, "profile_mismatch", "Token of the other profile", "Mã truy cập thuộc môi trường khác", "This token is good at the other profile only; nothing crosses.")),
    (callers.AccountSuspended, Problem(403, "account_suspended", "Account suspended", "Tài khoản bị tạm ngưng", "Ask the gateway's operators to resume the account.")),
    (operators.RoleMissing, Problem(403, "role_missing", "Role missing", "Thiếu vai trò", "Let an operator do this whose role it is; GET /ops/v1/operators lists them.")),
    (operators.SameOperator, Problem(403, "same_operator", "Second person needed", "Cần người thứ hai", "Another operator than the one who proposed the change must do this.")),
    (requests.NotFound, Problem(404, "not_found", "Not found", "Không tìm thấy", "There is nothing here that this account may see.")),
    (requests.MethodNotAllowed, Problem(405, "method_not_allowed", "Method not allowed", "Phương thức không được phép", "See the Allow header.")),
    (requests.NotAcceptable, Problem(406, "not_acceptable", "Not acceptable", "Không có định dạng phù hợp", "Accept application/json.")),
    (requests.BodySlow, Problem(408, "body_slow", "Body too slow", "Nội dung gửi quá chậm", "Send the whole body within 15 seconds.")),
    (verifications.VerificationExpired, Problem(409, "verification_expired", "Verification expired", "Kết quả xác thực đã hết hạn", "Verify the citizen again.")),
    (verifications.VerificationNotConfirmed, Problem(409, "verification_not_confirmed", "Verification not confirmed", "Chưa xác thực được công dân", "Only a confirmed verification can carry a prefill.")),
    (verifications.VerificationInvalidated, Problem(409, "verification_invalidated", "Verification invalidated", "Kết quả xác thực không còn giá trị", "The registry's data changed or the verification was revoked; verify again.")),
    (idempotency.IdempotencyInProgress, Problem(409, "idempotency_in_progress", "Request in progress", "Yêu cầu đang được xử lý", "The same request is being answered; send it again as Retry-After says.")),
    (idempotency.IdempotencyAnswerGone, Problem(409, "idempotency_answer_gone", "Answer no longer kept", "Kết quả không còn được lưu giữ", "The request was answered, and its answer is kept no longer; send a new request under a new key.")),
    (operators.DiffChanged, Problem(409, "diff_changed", "Change is another by now", "Nội dung thay đổi đã khác", "Look at the change again and send the diff_hash of what it is now.")),
    (commands.StateWrong, Problem(409, "state_wrong", "Not in this state", "Trạng thái không cho phép", "What this acts on is in a state that forbids it; look at it again.")),
    (requests.BodyTooLarge, Problem(413, "body_too_large", "Body too large", "Nội dung quá lớn", "Send at most 64 KiB.")),
    (requests.MediaTypeUnsupported, Problem(415, "media_type_unsupported", "Media type unsupported", "Kiểu nội dung không được hỗ trợ", "Send application/json in UTF-8, not encoded.")),
    (requests.RequestInvalid, Problem(422, "request_invalid", "Request invalid", "Yêu cầu không hợp lệ", "Correct the fields named in errors.")),
    (requests.ClaimInvalid, Problem(422, "claim_invalid", "Claim invalid", "Thông tin công dân không hợp lệ", "Correct the fields named in errors; nothing was asked of the registry.")),
    (requests.FieldUnknown, Problem(422, "field_unknown", "Field unknown", "Trường dữ liệu không tồn tại", "Ask for fields that GET procedures lists.")),
    (requests.FieldNotInProcedure, Problem(422, "field_not_in_procedure", "Field not in this procedure", "Trường dữ liệu không thuộc thủ tục này", "Ask for fields of this procedure's form for this role.")),
    (requests.ProcedureUnknown, Problem(422, "procedure_unknown", "Procedure unknown", "Thủ tục không tồn tại", "Use a slug, or a procedure code that is valid today.")),
    (requests.SubjectRoleUnknown, Problem(422, "subject_role_unknown", "Role unknown", "Vai trò không tồn tại", "Use a role of this procedure.")),
    (verifications.ReceiptInvalid, Problem(422, "receipt_invalid", "Receipt not accepted", "Biên nhận không được chấp nhận", "Use a receipt of this account, profile, procedure, dossier and role.")),
    (idempotency.IdempotencyConflict, Problem(422, "idempotency_conflict", "Key used for another request", "Khóa đã dùng cho yêu cầu khác", "Send the same body as before, or take a new Idempotency-Key.")),
    (operators.PreflightFailed, Problem(422, "preflight_failed", "Preflight failed", "Kiểm tra trước không đạt", "Mend what the failed checks name, and run the preflight again.")),
    (callers.RateLimited, Problem(429, "rate_limited", "Too many requests", "Quá nhiều yêu cầu", "Wait as Retry-After says.")),
    (callers.EnquiryBudgetSpent, Problem(429, "enquiry_budget_spent", "Enquiry budget spent", "Đã hết hạn mức tra cứu", "The budget that budget names has no place left: account_hour and subject_day count claims that were not confirmed, confirmed_hour and confirmed_day what was answered. Wait as Retry-After says.")),
    (operators.PreflightBudgetSpent, Problem(429, "preflight_budget_spent", "Preflight budget spent", "Đã hết hạn mức kiểm tra trước", "Questions about a test identity have a budget an hour and profile, preflights one an hour and change; no person was asked about. Wait as Retry-After says.")),
    (requests.HeadersTooLarge, Problem(431, "headers_too_large", "Headers too large", "Phần đầu yêu cầu quá lớn", "Send fewer or shorter headers.")),
    (Internal, Problem(500, "internal", "Internal error", "Lỗi hệ thống", "Tell the gateway's operators the request_id.")),
    (registry.RegistryRefused, Problem(502, "registry_refused", "Registry refused", "Cơ sở dữ liệu từ chối", "The registry refused with the code in registry_code.")),
    (registry.RegistryAnswerInvalid, Problem(502, "registry_answer_invalid", "Registry answer invalid", "Kết quả từ cơ sở dữ liệu không hợp lệ", "The registry's answer failed our checks; nothing of it is delivered.")),
    (registry.RegistryCredentialsRejected, Problem(502, "registry_credentials_rejected", "Registry login rejected", "Cơ sở dữ liệu từ chối đăng nhập", "The gateway's own connection needs its operators.")),
    (registry.RegistryUnavailable, Problem(503, "registry_unavailable", "Registry unavailable", "Cơ sở dữ liệu tạm ngừng", "Try again as Retry-After says, or let the citizen declare.")),
    (places.ProfileSuspended, Problem(503, "profile_suspended", "Profile suspended", "Kết nối đang tạm ngưng", "The gateway's operators suspended this profile.")),
    (places.ProfileUnconfigured, Problem(503, "profile_unconfigured", "Profile not connected", "Chưa cấu hình kết nối", "This profile has no connection to a registry yet.")),
    (places.Overloaded, Problem(503, "overloaded", "Overloaded", "Hệ thống quá tải", "The gateway's own store or queue can take no more now; try again as Retry-After says.")),
    (registry.RegistryTimeout, Problem(504, "registry_timeout", "Registry timeout", "Cơ sở dữ liệu không trả lời kịp", "The registry did not answer within the deadline.")),
)  # fmt: skip

PROBLEMS: Mapping[type[GatewayError], Problem] = dict(_ROWS)


def find_problem(error: GatewayError | type[GatewayError]) -> Problem:
    """Return the row of an error or its class; an error that only commands meet is `internal`."""
    kind = error if isinstance(error, type) else type(error)
    return PROBLEMS.get(kind, PROBLEMS[Internal])


def problem_body(error: GatewayError, *, base: str, request_id: str) -> dict[str, Any]:
    """Return the RFC 9457 members of an error."""
    problem = find_problem(error)
    body: dict[str, Any] = {
        "type": f"{base}/problems/{problem.code}",
        "title": problem.title,
        "title_vi": problem.title_vi,
        "status": problem.status,
        "detail": problem.detail,
        "code": problem.code,
        "request_id": request_id,
    }
    if problem.status in {403, 422}:
        body["errors"] = [_field(found) for found in getattr(error, "errors", ())]
    if isinstance(error, registry.RegistryRefused):
        body["registry_code"] = error.registry_code
    if isinstance(error, callers.EnquiryBudgetSpent):
        body["budget"] = error.budget
    names_one = verifications.VerificationInvalidated | idempotency.IdempotencyAnswerGone
    if isinstance(error, names_one) and error.verification:
        body["verification"] = error.verification
    return body


def problem_headers(error: GatewayError, *, metadata_url: str | None, challenge: bool) -> dict[str, str]:
    """Return `Retry-After` (429, 503, a request in progress) and `WWW-Authenticate` (RFC 6750 §3, RFC 9449 §7.1, RFC 9728 §5.1).

    `challenge` says that a token is asked for here; `metadata_url` also where one is to be had.
    """
    headers: dict[str, str] = {}
    if find_problem(error).status in {429, 503} or isinstance(error, idempotency.IdempotencyInProgress):
        headers["Retry-After"] = str(getattr(error, "retry_after", 5))
    words = _challenge(error) if challenge or metadata_url is not None else None
    if words is not None:
        separator = ", " if "=" in words else " "
        where = "" if metadata_url is None else f'{separator}resource_metadata="{metadata_url}"'
        headers["WWW-Authenticate"] = f"{words}{where}"
    return headers


def _challenge(error: GatewayError) -> str | None:
    match error:
        case callers.TokenMissing() | operators.LoginInvalid():
            return "Bearer"
        case callers.TokenInvalid() | callers.TokenExpired():
            return f'Bearer error="invalid_token", error_description="{find_problem(error).title}"'
        case callers.DpopProofInvalid():
            return 'DPoP error="invalid_dpop_proof", algs="ES256 EdDSA PS256"'
        case callers.ScopeMissing(scope=scope):
            return f'Bearer error="insufficient_scope", scope="{scope}"'
    return None


def _field(error: FieldError) -> dict[str, str]:
    return {"field": error.field, "code": error.code, "detail": error.detail}
