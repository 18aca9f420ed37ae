"""Mark every answer of an app as test data, refusals and breakdowns included. The registry faces do so themselves."""

from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

MARK = (b"x-test-data", b"true")


@dataclass(frozen=True, slots=True)
class SaysTestData:
    """The app, with `X-Test-Data: true` on whatever it answers."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""

        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], MARK]}
            await send(message)

        await self.app(scope, receive, send_marked)
