"""`POST /token` of a provincial platform: client credentials for a UUID that lives an hour. Journalled as `token`."""

import json
from urllib.parse import parse_qs

from mock_c06.desk.accounts import Account, Status
from mock_c06.desk.lifecycle import note_login
from mock_c06.desk.locks import verify_unlocked
from mock_c06.desk.register import Register
from mock_c06.desk.switches import AS_BUILT, Switches, flip
from mock_c06.desk.tokens import TOKEN_SECONDS, issue_token, verify_key
from mock_c06.errors import AccountNotActive, CallRefused, RequestRefused
from mock_c06.runs.faults import Fault, Kind
from mock_c06.runs.journal import TOKEN, Outcome
from mock_c06.wire.call import Call
from mock_c06.wire.exchange import Ending, end_refused, record_call
from mock_c06.wire.fault_watch import FaultWatch
from mock_c06.wire.misbehaviour import INSTEAD, changes_outcome
from mock_c06.wire.reply import JSON, Reply


class TokenDesk:
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
        if hit is not None and changes_outcome(hit.fault.kind):
            ending = Ending(reply=ending.reply, outcome=Outcome.FAULT)
        record_call(call, TOKEN, account, None, ending, hit)
        return ending.reply

    def _end(self, call: Call, claimed: Account | None, watch: FaultWatch) -> Ending:
        fault = watch.at_door()
        if fault is not None and fault.kind in INSTEAD:
            return Ending(reply=watch.bend_reply(INSTEAD[fault.kind](fault)), outcome=Outcome.FAULT)
        try:
            account = self._verify(call, claimed)
        except CallRefused as refusal:
            switches = flip(claimed.switches if claimed else AS_BUILT, call.run.switches)
            return end_refused(refusal, watch.bend_reply(_refusal(refusal, switches)))
        reply = watch.bend_reply(_issue(call, account, fault))
        return Ending(reply=reply, outcome=Outcome.FOUND)

    def _claimed(self, call: Call) -> Account | None:
        register = self._register.under(call.run.switches, call.run.accounts or None)
        return register.find_by_key(call.environment, call.login.user) if call.login else None

    def _verify(self, call: Call, claimed: Account | None) -> Account:
        header = call.headers.get("lgspaccesstoken")
        account = verify_unlocked(
            lambda: verify_key(claimed, call.login, header),
            claimed,
            call.run.memory,
            now=call.run.clock.now(),
        )
        form = parse_qs(call.body.decode("latin-1"), keep_blank_values=True)
        if form.get("grant_type") != ["client_credentials"]:
            raise RequestRefused("01", "grant_type phải là client_credentials")
        account = note_login(self._register, account)
        if account.status is not Status.ACTIVE:
            raise AccountNotActive(account.status.value)
        return account


def _issue(call: Call, account: Account, fault: Fault | None) -> Reply:
    """Issue a token; under `token_expires_early` one that dies after `delay_ms`, whatever it says of itself."""
    seconds: float = TOKEN_SECONDS
    if fault is not None and fault.kind is Kind.TOKEN_EXPIRES_EARLY:
        seconds = (fault.delay_ms or 0) / 1000
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
