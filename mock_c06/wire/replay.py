"""The registry face of a replay: the same request bytes get the recorded answer bytes, in the recorded order.

A request is known by environment, path within its run, caller (the Basic user or the Bearer token) and body; not by
host, time or signature, which differ on another machine. The first of its kind gets the first recorded answer, the
second the second; what was never recorded gets 501 and an entry of its own in the journal, never a guess.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from starlette.types import ASGIApp, Receive, Scope, Send

from mock_c06.clock import Clock, rfc3339
from mock_c06.desk.accounts import Environment
from mock_c06.desk.basic import Login, find_login
from mock_c06.runs.journal import Entry, Outcome
from mock_c06.runs.recording import Kept, unpack
from mock_c06.runs.run import Run
from mock_c06.wire.call import read_body, read_headers, sha256
from mock_c06.wire.reply import JSON, Reply
from mock_c06.wire.routes import find_route
from mock_c06.wire.sending import deliver

NOT_RECORDED = "not_recorded"
_REFUSAL = Reply(
    status=501,
    body=b'{"error": "not_recorded", "detail": "this request was not recorded, or not so often"}',
    content_type=JSON,
)


def request_key(
    environment: Environment, path: str, authorization: str, login: Login | None, body: bytes
) -> str:
    """Digest what makes two requests the same; `login` is what `authorization` holds, if it is a Basic one."""
    scheme, _, credential = authorization.partition(" ")
    caller = login.user if login is not None else credential.strip()
    head = f"{environment.value}\n{path}\n{scheme.lower()}\n{caller}"
    return hashlib.sha256(head.encode("utf-8", "surrogatepass") + b"\n\n" + body).hexdigest()


def path_in_run(path: str) -> str:
    """Give a path without the run it begins with."""
    return "/" + path.split("/", 3)[3] if path.startswith("/r/") and path.count("/") > 2 else path


@dataclass(slots=True)
class ReplayTable:
    """Recorded calls by their key, and how many of each have been asked for."""

    kept: Mapping[str, list[Kept]]
    asked: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, calls: Iterable[Kept]) -> "ReplayTable":
        """Make the table."""
        kept: defaultdict[str, list[Kept]] = defaultdict(list)
        for call in calls:
            kept[call.key].append(call)
        return cls(kept=dict(kept))

    def next_of(self, key: str) -> Kept | None:
        """Give the next recorded answer to this request, or None where there is none."""
        calls, position = self.kept.get(key, ()), self.asked[key]
        if position >= len(calls):
            return None
        self.asked[key] += 1
        return calls[position]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayFace:
    """Answers from the table; what is no POST (the WSDL), or leads nowhere, is for the ordinary face."""

    environment: Environment
    run: Run
    table: ReplayTable
    clock: Clock
    ordinary: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        if scope["method"] != "POST" or find_route(scope["path"]) is None:
            await self.ordinary(scope, receive, send)
            return
        body = await read_body(receive)
        if body is not None:
            await deliver(self._reply(scope, body), scope, receive, send)

    def _reply(self, scope: Scope, body: bytes) -> Reply:
        path, headers = scope["path"], read_headers(scope)
        authorization = headers.get("authorization", "")
        key = request_key(self.environment, path_in_run(path), authorization, find_login(authorization), body)
        route = find_route(path)
        kept = self.table.next_of(key) if route is not None and route.run == self.run.name else None
        journal = self.run.journal
        if kept is None:
            operation = route.operation if route is not None else None
            journal.append(self._unknown(operation, body))
            return _REFUSAL
        journal.append(replace(kept.entry, n=journal.next_number()))
        told = dict(kept.headers)
        return Reply(
            status=kept.status,
            body=unpack(kept.packed),
            content_type=told.pop("Content-Type"),
            headers=told,
            delay_s=kept.delay_s,
            trickle_s=kept.trickle_s,
            cut=kept.cut,
        )

    def _unknown(self, operation: str | None, body: bytes) -> Entry:
        return Entry(
            n=self.run.journal.next_number(),
            at=rfc3339(self.clock.now()),
            environment=self.environment.value,
            operation=operation,
            account=None,
            ma_yeu_cau=None,
            outcome=Outcome.REFUSED,
            code=NOT_RECORDED,
            fault=None,
            subject=None,
            body_sha256=sha256(body),
        )
