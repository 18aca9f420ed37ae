"""A client of the control face for one run; a refusal names the wrong member."""

from dataclasses import dataclass
from typing import Any

import httpx


class ControlRefused(Exception):
    """The control face refused what a test asked of it: the test is wrong, or the mock does not run."""


@dataclass(frozen=True, slots=True)
class Control:
    """Requests about one run."""

    client: httpx.Client
    run: str

    def of_run(self, method: str, path: str, **sent: Any) -> Any:
        """Call `/runs/{run}{path}`; raises `ControlRefused`."""
        return self.call(method, f"/runs/{self.run}{path}", **sent)

    def call(self, method: str, path: str, **sent: Any) -> Any:
        """Request a path and return its JSON, None for an empty answer; raises `ControlRefused`."""
        try:
            answer = self.client.request(method, path, **sent)
        except httpx.TransportError as error:
            raise ControlRefused(f"no control face at {self.client.base_url}: {error}") from error
        if answer.is_error:
            raise ControlRefused(f"{method} {path}: {_reason(answer)}")
        return answer.json() if answer.content else None


def _reason(answer: httpx.Response) -> str:
    try:
        problem = answer.json()
    except ValueError:
        return f"HTTP {answer.status_code}"
    named = [f"{each.get('field')}: {each.get('detail')}" for each in problem.get("errors", [])]
    return "; ".join([str(problem.get("title") or problem.get("detail")), *named])
