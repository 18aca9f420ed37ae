"""What commands ask the control face of a running mock about a run. Raises `StartRefused` with the one line to print.

The token comes by setting, never by an argument.
"""

from collections.abc import Mapping

import httpx

from mock_c06.errors import StartRefused
from mock_c06.settings import read_settings

CONTROL = "http://127.0.0.1:8101"
_SECONDS = 60
_REASONS = {
    401: "the control face refuses the token: set MOCK_C06_CONTROL_TOKEN to the one that serve printed",
    404: "no such run there",
}


def get_of_run(
    control: str, run: str, path: str, *, reasons: Mapping[int, str], params: Mapping[str, str] | None = None
) -> httpx.Response:
    """Get `/runs/{run}{path}`; `reasons` say what a status other than 200 means at this path."""
    token = read_settings().control_token
    if token is None:
        raise StartRefused("set MOCK_C06_CONTROL_TOKEN to the token that serve printed")
    try:
        answer = httpx.get(
            f"{control.rstrip('/')}/runs/{run}{path}",
            params=params,
            headers={"Authorization": f"Bearer {token.get_secret_value()}"},
            timeout=_SECONDS,
            trust_env=False,
        )
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise StartRefused(f"no control face answers at {control}") from error
    if answer.status_code != 200:
        reason = {**_REASONS, **reasons}.get(answer.status_code, f"it answered {answer.status_code}")
        raise StartRefused(f"run {run}: {reason}")
    return answer
