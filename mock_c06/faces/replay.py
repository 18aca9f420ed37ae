"""The registry face of a replay: the same request bytes get the recorded answer bytes, in the recorded order.

A request is identified by environment, path within its run, caller (the Basic user or the Bearer token) and body; not
by host, time or signature, which differ on another machine. The first identical request gets the first recorded
answer, the second the second; a request that was not recorded gets 501, which names the nearest recorded question, and
its own entry in the journal. The values of named members (`MaYeuCau`) may be ignored.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from mock_c06.accounts.model import Environment
from mock_c06.clock import Clock, rfc3339
from mock_c06.errors import StartRefused
from mock_c06.faces.call import (
    Route,
    caller_of,
    find_route,
    path_in_run,
    read_body,
    read_headers,
    request_key,
    sha256,
)
from mock_c06.journal import Entry, Outcome
from mock_c06.login.digest import find_login
from mock_c06.runs.run import RecordedCall, Run, unpack
from mock_c06.wire.reply import Reply, deliver, json_reply

_NOT_RECORDED = "not_recorded"
_XML_LEAF = re.compile(rb"<(?:[\w.-]+:)?(\w+)[^<>]*>([^<]*)</")
_JSON_LEAF = re.compile(rb'"(\w{1,40})"\s*:\s*"((?:[^"\\]|\\.)*)"')


@dataclass(slots=True)
class ReplayTable:
    """Recorded calls by their key, how many of each were replayed, and the members that are ignored."""

    calls: Sequence[RecordedCall]
    by_key: Mapping[str, list[RecordedCall]]
    ignored: frozenset[str] = frozenset()
    replayed: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, calls: Sequence[RecordedCall], ignored: Iterable[str] = ()) -> "ReplayTable":
        """Make the table; the values of the `ignored` members are not compared. Raises `StartRefused`."""
        names, keys = frozenset(ignored), [call.key for call in calls]
        if names:
            bodies = [unpack(call.request) for call in calls]
            if not all(call.request for call in calls):
                raise StartRefused(
                    "the recording has no requests, so no member can be ignored: record it again"
                )
            _refuse_unknown(names, bodies)
            keys = [
                request_key(call.environment, call.path, call.caller, _without(body, names))
                for call, body in zip(calls, bodies, strict=True)
            ]
        by_key: defaultdict[str, list[RecordedCall]] = defaultdict(list)
        for key, call in zip(keys, calls, strict=True):
            by_key[key].append(call)
        return cls(calls=calls, by_key=dict(by_key), ignored=names)

    def next_of(self, environment: str, path: str, caller: str, body: bytes) -> RecordedCall | None:
        """Return the next recorded answer to this request, or None if there is none."""
        key = request_key(environment, path, caller, _without(body, self.ignored))
        calls, position = self.by_key.get(key, ()), self.replayed[key]
        if position >= len(calls):
            return None
        self.replayed[key] += 1
        return calls[position]

    def nearest(self, environment: str, path: str, caller: str, body: bytes) -> dict[str, Any] | None:
        """Return the number of the nearest recorded question at this path, and what differs: names, never values."""
        sent = _leaves(body)
        asked: list[dict[str, Any]] = [
            {"n": call.entry.n, "differs": _differing(call, caller, sent, self.ignored)}
            for call in self.calls
            if (call.environment, call.path) == (environment, path) and call.request
        ]
        return min(asked, key=lambda each: len(each["differs"]), default=None)


def _refuse_unknown(ignored: Collection[str], bodies: Sequence[bytes]) -> None:
    """Raise `StartRefused` for a misspelt member: every new value of the one that is meant would be answered as not recorded."""
    for name in sorted(ignored):
        if not _is_member(name, bodies):
            raise StartRefused(f"--ignore {name}: no recorded request has this member: look at its spelling")


def _is_member(name: str, bodies: Sequence[bytes]) -> bool:
    """Return whether one of the bodies has a member of this name; without bodies, whether it can be a name."""
    if not re.fullmatch(r"\w+", name, re.ASCII):
        return False
    named = re.compile(rb'[<:"]%b[\s>"\\]' % _either_case(name))
    return not bodies or any(named.search(body) for body in bodies)


def _either_case(name: str) -> bytes:
    """A pattern of the member in SOAP, and in camelCase JSON."""
    member = name.encode()
    return rb"[%b%b]%b" % (member[:1].lower(), member[:1].upper(), member[1:])


def _capital(name: str) -> str:
    return name[:1].upper() + name[1:]


def _differing(
    call: RecordedCall, caller: str, sent: Mapping[str, bytes], ignored: Collection[str]
) -> list[str]:
    recorded, skipped = _leaves(unpack(call.request)), {_capital(name) for name in ignored}
    differs = [
        name
        for name in {**recorded, **sent}
        if recorded.get(name) != sent.get(name) and _capital(name) not in skipped
    ]
    return differs + (["caller"] if call.caller != caller else [])


def _without(body: bytes, ignored: Collection[str]) -> bytes:
    """Return the body with the values of these members blank; a member may begin with a small letter, as in JSON."""
    for name in ignored:
        either = _either_case(name)
        body = re.sub(rb"(<(?:[\w.-]+:)?%b(?:\s[^<>]*)?>)[^<]*(</)" % either, rb"\1\2", body)
        body = re.sub(rb'("%b"\s*:\s*")(?:[^"\\]|\\.)*"' % either, rb'\1"', body)
    return body


def _leaves(body: bytes) -> dict[str, bytes]:
    found = _JSON_LEAF.findall(body) if body.lstrip().startswith(b"{") else _XML_LEAF.findall(body)
    return {name.decode(): value.strip() for name, value in found}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayFace:
    """Answers from the table; the ordinary face answers other methods (the WSDL) and unknown paths."""

    environment: Environment
    run: Run
    table: ReplayTable
    clock: Clock
    ordinary: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        route = find_route(scope["path"])
        if scope["method"] != "POST" or route is None:
            await self.ordinary(scope, receive, send)
            return
        body = await read_body(receive)
        if body is not None:
            await deliver(self._reply(scope, route, body), scope, receive, send)

    def _reply(self, scope: Scope, route: Route, body: bytes) -> Reply:
        path, headers = scope["path"], read_headers(scope)
        authorization = headers.get("authorization", "")
        caller = caller_of(authorization, find_login(authorization))
        question = (self.environment.value, path_in_run(path), caller, body)
        is_here = route.run == self.run.name
        recorded = self.table.next_of(*question) if is_here else None
        journal = self.run.journal
        if recorded is None:
            refusal = _refuse(self.table.nearest(*question) if is_here else None)
            journal.append(self._unknown(route.operation, body, refusal))
            return refusal
        journal.append(replace(recorded.entry, n=journal.next_number()))
        headers = dict(recorded.headers)
        return Reply(
            status=recorded.status,
            body=unpack(recorded.packed),
            content_type=headers.pop("Content-Type"),
            headers=headers,
            delay_s=recorded.delay_s,
            trickle_s=recorded.trickle_s,
            cut=recorded.cut,
        )

    def _unknown(self, operation: str | None, body: bytes, refusal: Reply) -> Entry:
        return Entry(
            n=self.run.journal.next_number(),
            at=rfc3339(self.clock.now()),
            environment=self.environment.value,
            operation=operation,
            account=None,
            ma_yeu_cau=None,
            outcome=Outcome.REFUSED,
            code=_NOT_RECORDED,
            fault=None,
            subject=None,
            body_sha256=sha256(body),
            status=refusal.status,
            bytes=len(refusal.body),
            request_bytes=len(body),
        )


def _refuse(nearest: dict[str, Any] | None) -> Reply:
    detail = "this request was not recorded, or not as often"
    if nearest is not None:
        differs = ", ".join(nearest["differs"])
        detail += f"; the nearest is n {nearest['n']}, which "
        detail += f"differs in {differs}" if differs else "was recorded less often"
    return json_reply(501, {"error": _NOT_RECORDED, "detail": detail, "nearest": nearest})
