"""The two dialects, SOAP and JSON: each identifies the caller, reads the enquiry and writes the answer.

Faults, the journal and the rules of a run are in exchange.py.
"""

import hmac
from dataclasses import dataclass

from mock_c06.accounts.model import AS_BUILT, Account, Dialect, Switches
from mock_c06.accounts.register import Register
from mock_c06.errors import AccountNotActive, CallRefused, RequestRefused, Throttled, Unauthorised
from mock_c06.faces.call import Call
from mock_c06.login.admission import verify_unlocked
from mock_c06.login.digest import verify_login
from mock_c06.login.reasons import LoginFailure
from mock_c06.login.tokens import find_holder, verify_token
from mock_c06.operations import Operation
from mock_c06.wire.enquiry import Enquiry, invalid_request
from mock_c06.wire.lgsp_json import parse_json, require_json, write_json, write_refusal
from mock_c06.wire.record import Answer
from mock_c06.wire.reply import TEXT, XML, Reply, json_reply
from mock_c06.wire.soap import (
    find_operation,
    parse_root,
    parse_soap,
    require_xml,
    write_envelope,
    write_fault,
)

_ADAPTER = "lgspaccesstoken"


@dataclass(frozen=True, slots=True)
class SoapDialect:
    """C06's own face."""

    register: Register

    def claimed_account(self, call: Call) -> Account | None:
        """Find the account of the Basic header's user."""
        return self.register.find_by_user(call.environment, call.login.user) if call.login else None

    def verify_caller(self, call: Call, claimed: Account | None) -> Account:
        """Verify the digest and the timestamp, and that the packet is no replay; raises `Unauthorised`."""
        timestamp = call.headers.get("timestamp")
        account = verify_unlocked(
            lambda: verify_login(
                claimed,
                call.login,
                url=call.url,
                timestamp=timestamp,
                now=call.wall,
                elsewhere=call.login is not None and self.register.knows_user(call.login.user),
            ),
            claimed,
            call.run.memory,
            now=call.run.clock.now(),
        )
        if call.run.memory.is_replay(
            account=account.name,
            timestamp=timestamp or "",
            body_sha256=call.body_sha256,
            monotonic=call.monotonic,
        ):
            raise Unauthorised(LoginFailure.REPLAYED)
        return account

    def parse(self, call: Call, account: Account | None) -> Enquiry:
        """Read the envelope; at `/soap` the Body's element names the operation."""
        require_xml(call.headers.get("content-type"))
        root = parse_root(call.body)
        operation = call.route.operation or find_operation(root)
        if operation is None:
            raise invalid_request("Không có dịch vụ này")
        strict_order = account is not None and account.switches.strict_order
        return parse_soap(root, operation, strict_order=strict_order)

    def write_answer(self, answer: Answer, account: Account) -> Reply:
        """Write the envelope."""
        return _xml(200, write_envelope(answer, account.switches))

    def write_refusal(self, refusal: CallRefused, account: Account | None) -> Reply:
        """Write a SOAP fault with its code, or the status alone."""
        switches = account.switches if account is not None else AS_BUILT
        if isinstance(refusal, RequestRefused):
            return _xml(200 if switches.other_refusal_status else 500, write_fault(refusal))
        return _write_bare(refusal, switches, challenge='Basic realm="C06"')


@dataclass(frozen=True, slots=True)
class JsonDialect:
    """A provincial platform's face."""

    register: Register

    def claimed_account(self, call: Call) -> Account | None:
        """Find the account of the Bearer token."""
        token = _bearer(call)
        return find_holder(self.register, call.environment, call.run.memory, token) if token else None

    def verify_caller(self, call: Call, claimed: Account | None) -> Account:
        """Verify the token, by the run's clock, and the adapter header."""
        header = call.headers.get(_ADAPTER)
        return verify_token(claimed, call.run.memory, _bearer(call), header, now=call.run.clock.now())

    def parse(self, call: Call, account: Account | None) -> Enquiry:
        """Read the account's variant; without an account the variant is unknown."""
        if account is None or call.route.operation is None:
            raise invalid_request("Không rõ tài khoản")
        require_json(call.headers.get("content-type"))
        own_code = _own_code(call.route.operation, account.switches)
        return parse_json(call.body, call.route.operation, account.dialect, own_code=own_code)

    def write_answer(self, answer: Answer, account: Account) -> Reply:
        """Write the account's variant."""
        return json_reply(200, write_json(answer, account))

    def write_refusal(self, refusal: CallRefused, account: Account | None) -> Reply:
        """Write the error code with HTTP 200, or the status alone."""
        switches = account.switches if account is not None else AS_BUILT
        if isinstance(refusal, RequestRefused):
            dialect = account.dialect if account is not None else Dialect.LGSP_CAMEL
            status = 400 if switches.other_refusal_status else 200
            return json_reply(status, write_refusal(refusal, dialect))
        return _write_bare(refusal, switches, challenge='Bearer realm="LGSP"')


WireDialect = SoapDialect | JsonDialect


def require_own_operation(enquiry: Enquiry, account: Account) -> None:
    """Refuse another operation's MaTichHop, and what the account's switches require in addition."""
    if not hmac.compare_digest(enquiry.integration_code, _own_code(enquiry.operation, account.switches)):
        raise invalid_request("MaTichHop không thuộc dịch vụ này")
    if account.switches.require_agency and enquiry.agency is None:
        raise invalid_request("Thiếu MaDonVi")
    if account.switches.hyphens_only and enquiry.is_birth_compact:
        raise invalid_request("NgayThangNam phải theo dạng yyyy-MM-dd")


def _own_code(operation: Operation, switches: Switches) -> str:
    asks_record = operation is not Operation.AUTHENTICATE
    return (Operation.LOOK_UP if asks_record and switches.one_record_code else operation).integration_code


def operation_of(call: Call) -> Operation | None:
    """Return the operation that the path or the body's root names, or None."""
    if call.route.operation is not None:
        return call.route.operation
    try:
        return find_operation(parse_root(call.body))
    except RequestRefused:
        return None


def _bearer(call: Call) -> str:
    scheme, _, token = call.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _xml(status: int, text: str) -> Reply:
    return Reply(status=status, body=text.encode(), content_type=XML)


def _write_bare(refusal: CallRefused, switches: Switches, *, challenge: str) -> Reply:
    """Write a refusal without a code: the status alone."""
    unknown = isinstance(refusal, AccountNotActive) and switches.inactive_as_401
    if isinstance(refusal, Unauthorised) or unknown:
        headers = {"WWW-Authenticate": challenge}
        return Reply(status=401, body=b"401 Unauthorized", content_type=TEXT, headers=headers)
    if isinstance(refusal, Throttled):
        headers = {"Retry-After": str(refusal.retry_after)}
        if switches.throttled_as_503:
            return Reply(status=503, body=b"503 Service Unavailable", content_type=TEXT, headers=headers)
        return Reply(status=429, body=b"429 Too Many Requests", content_type=TEXT, headers=headers)
    return Reply(status=403, body=b"403 Forbidden", content_type=TEXT)
