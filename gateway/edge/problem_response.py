"""An error of ours as the answer that leaves (RFC 9457)."""

from typing import Any

from starlette.responses import JSONResponse, Response

from gateway.edge.problems import MEDIA_TYPE, problem_body, problem_headers
from gateway.errors import GatewayError


def problem_response(
    error: GatewayError,
    *,
    base: str,
    request_id: str,
    metadata_url: str | None = None,
    challenge: bool = False,
) -> Response:
    """Return an error as `application/problem+json`; `challenge` as `problem_headers` has it."""
    body: dict[str, Any] = problem_body(error, base=base, request_id=request_id)
    headers = {"Cache-Control": "no-store"} if metadata_url is None else {}
    return JSONResponse(
        body,
        status_code=body["status"],
        media_type=MEDIA_TYPE,
        headers=headers | problem_headers(error, metadata_url=metadata_url, challenge=challenge),
    )
