"""`POST /token` of a provincial platform: client credentials for a UUID that is valid for an hour. The journal's
operation is `token`."""

import json
from urllib.parse import parse_qs

from mock_c06.accounts.model import Account, Status
from mock_c06.accounts.register import Register, note_login
from mock_c06.accounts.switches import AS_BUILT, Switches, flip
from mock_c06.errors import AccountNotActive, CallRefused, RequestRefused
from mock_c06.faces.call import Call
from mock_c06.faces.exchange import CallResult, record_call, refusal_result
from mock_c06.faces.fault_watch import FaultWatch
from mock_c06.journal.journal import TOKEN, Outcome
from mock_c06.login.admission import inactive, verify_unlocked
from mock_c06.login.tokens import TOKEN_SECONDS, issue_token, verify_key
from mock_c06.wire.reply import JSON, Reply


class TokenEndpoint:
    """Issues tokens."""

    def __init__(self, register: Register) -> None:
        self._register = register

    def answer(self, call: Call) -> Reply:
        """Answer a token call and write it in the journal."""
        account = self._claimed(call)
        name = account.name if account else None
        watch = FaultWatch(call=call, operation=TOKEN, account=name)
        ending = self._end(call, account, watch)
        hit = watch.hit
        if hit is not None and not hit.fault.kind.keeps_outcome and ending.outcome is Outcome.FOUND:
            ending = CallResult(reply=ending.reply, outcome=Outcome.FAULT)
        record_call(call, TOKEN, account, None, ending, hit)
        return ending.reply

    def _end(self, call: Call, claimed: Account | None, watch: FaultWatch) -> CallResult:
        if (reply := watch.reply_before_login()) is not None:
            return CallResult(reply=reply, outcome=Outcome.FAULT)
        try:
            account = self._verify(call, claimed)
        except CallRefused as refusal:
            switches = flip(claimed.switches if claimed else AS_BUILT, call.run.switches)
            return refusal_result(refusal, watch.change_reply(_refusal(refusal, switches)))
        issued = _issue(call, account, watch.token_seconds(TOKEN_SECONDS))
        return CallResult(reply=watch.change_reply(issued), outcome=Outcome.FOUND)

    def _claimed(self, call: Call) -> Account | None:
        register = call.run.accounts_of(self._register)
        return register.find_by_key(call.environment, call.login.user) if call.login else None

    def _verify(self, call: Call, claimed: Account | None) -> Account:
        header, register = call.headers.get("lgspaccesstoken"), call.run.accounts_of(self._register)
        elsewhere = call.login is not None and register.knows_key(call.login.user)
        account = verify_unlocked(
            lambda: verify_key(claimed, call.login, header, elsewhere=elsewhere),
            claimed,
            call.run.memory,
            now=call.run.clock.now(),
        )
        form = parse_qs(call.body.decode("latin-1"), keep_blank_values=True)
        if form.get("grant_type") != ["client_credentials"]:
            raise RequestRefused("01", "grant_type phải là client_credentials")
        account = note_login(self._register, account)
        if account.status is not Status.ACTIVE:
            raise inactive(account)
        return account


def _issue(call: Call, account: Account, seconds: float) -> Reply:
    """Issue a token that is valid for so many seconds; its `expires_in` is an hour in any case."""
    token = issue_token(call.run.memory, account, now=call.run.clock.now(), seconds=seconds)
    return _json(
        200,
        {
            "access_token": token,
            "scope": "am_application_scope default",
            "token_type": "Bearer",
            "expires_in": TOKEN_SECONDS,
        },
    )


def _refusal(refusal: CallRefused, switches: Switches) -> Reply:
    match refusal:
        case RequestRefused():
            return _json(400, {"error": "unsupported_grant_type", "error_description": refusal.message})
        case AccountNotActive() if not switches.inactive_as_401:
            return _json(403, {"error": "access_denied", "error_description": "Account is not active"})
    return _json(401, {"error": "invalid_client", "error_description": "Client authentication failed"})


def _json(status: int, value: dict[str, object]) -> Reply:
    return Reply(status=status, body=json.dumps(value, ensure_ascii=False).encode(), content_type=JSON)
