"""Get a run's recording from a running mock's control face. Raises `StartRefused` with the one line to print."""

from typing import Any

import httpx

from mock_c06.errors import StartRefused

_REASONS = {
    401: "the control face refuses the token: set MOCK_C06_CONTROL_TOKEN to the one that serve printed",
    404: "no such run there",
    409: "the run has had too many or too large answers to be recorded",
}


def fetch_recording(control: str, token: str, run: str) -> dict[str, Any]:
    """Ask for it."""
    try:
        answer = httpx.get(
            f"{control.rstrip('/')}/runs/{run}/recording",
            headers={"Authorization": f"Bearer {token}"},
            timeout=60,
            trust_env=False,
        )
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise StartRefused(f"no control face answers at {control}") from error
    if answer.status_code != 200:
        reason = _REASONS.get(answer.status_code, f"it answered {answer.status_code}")
        raise StartRefused(f"run {run}: {reason}")
    return dict(answer.json())
