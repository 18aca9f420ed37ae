"""Answers: models that say their own shape to the OpenAPI document, and how they leave.

They are built from values that use cases return, so nothing is validated a second time on the way out.
"""

from pydantic import BaseModel, ConfigDict
from starlette.responses import JSONResponse, Response


class Answer(BaseModel):
    """The members of a successful answer."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def respond(answer: Answer, *, status: int = 200) -> Response:
    """Return the answer as JSON; members that were never set are left out."""
    return JSONResponse(answer.model_dump(mode="json", exclude_unset=True), status_code=status)
