"""A provincial platform's `POST /token`: a UUID, valid for an hour, for client credentials.

Its operation in the journal is `token`.
"""

from urllib.parse import parse_qs

from mock_c06.accounts.model import AS_BUILT, Account, Status, Switches, flip
from mock_c06.accounts.register import Register, note_login
from mock_c06.errors import AccountNotActive, CallRefused, RequestRefused
from mock_c06.faces.call import Call
from mock_c06.faces.exchange import CallResult, finish_call, refusal_result
from mock_c06.faces.fault_watch import FaultWatch
from mock_c06.journal import Outcome
from mock_c06.login.admission import inactive, verify_unlocked
from mock_c06.login.tokens import TOKEN_SECONDS, issue_token, verify_key
from mock_c06.operations import TOKEN
from mock_c06.wire.reply import Reply, json_reply


def answer_token(register: Register, call: Call) -> Reply:
    """Answer a token call and write it in the journal."""
    accounts = call.run.accounts_of(register)
    account = accounts.find_by_key(call.environment, call.login.user) if call.login else None
    watch = FaultWatch(call=call, operation=TOKEN, account=account.name if account else None)
    return finish_call(call, TOKEN, account, None, _end(register, call, account, watch), watch.hit)


def _end(register: Register, call: Call, claimed: Account | None, watch: FaultWatch) -> CallResult:
    if (reply := watch.reply_before_login()) is not None:
        return CallResult(reply=reply, outcome=Outcome.FAULT)
    try:
        account = _verify(register, call, claimed)
    except CallRefused as refusal:
        switches = flip(claimed.switches if claimed else AS_BUILT, call.run.switches)
        return refusal_result(refusal, watch.change_reply(_refusal(refusal, switches)))
    issued = _issue(call, account, watch.token_seconds(TOKEN_SECONDS))
    return CallResult(reply=watch.change_reply(issued), outcome=Outcome.FOUND)


def _verify(register: Register, call: Call, claimed: Account | None) -> Account:
    header = call.headers.get("lgspaccesstoken")
    elsewhere = call.login is not None and call.run.accounts_of(register).knows_key(call.login.user)
    account = verify_unlocked(
        lambda: verify_key(claimed, call.login, header, elsewhere=elsewhere),
        claimed,
        call.run.memory,
        now=call.run.clock.now(),
    )
    form = parse_qs(call.body.decode("latin-1"), keep_blank_values=True)
    if form.get("grant_type") != ["client_credentials"]:
        raise RequestRefused("01", "grant_type phải là client_credentials")
    account = note_login(register, account)
    if account.status is not Status.ACTIVE:
        raise inactive(account)
    return account


def _issue(call: Call, account: Account, seconds: float) -> Reply:
    """Issue a token that is valid for `seconds`; its `expires_in` is an hour in any case."""
    token = issue_token(call.run.memory, account, now=call.run.clock.now(), seconds=seconds)
    return json_reply(
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
            return json_reply(400, {"error": "unsupported_grant_type", "error_description": refusal.message})
        case AccountNotActive() if not switches.inactive_as_401:
            return json_reply(403, {"error": "access_denied", "error_description": "Account is not active"})
    return json_reply(401, {"error": "invalid_client", "error_description": "Client authentication failed"})
