"""`python -m benchmarks.hello PORT`: the least that FastAPI and uvicorn do for a request with an enquiry's body."""

from datetime import date
from typing import Literal

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict

from benchmarks.command import make_parser


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Claim(_Strict):
    """Who is meant."""

    citizen_id: str
    full_name: str
    birth_date: date


class InitiatedBy(_Strict):
    """Who asks."""

    kind: Literal["citizen"]


class Enquiry(_Strict):
    """The body of a verification."""

    procedure: str
    dossier: str
    subject_role: str
    claim: Claim
    initiated_by: InitiatedBy


class Answer(BaseModel):
    """The answer."""

    dossier: str
    verdict: str


def build_app() -> FastAPI:
    """Return an app that validates the body and asks nobody."""
    app = FastAPI()

    @app.post("/verifications")
    async def verify(enquiry: Enquiry) -> Answer:
        return Answer(dossier=enquiry.dossier, verdict="confirmed")

    return app


if __name__ == "__main__":
    parser = make_parser(__doc__)
    parser.add_argument("port", type=int, metavar="PORT", help="where it listens on loopback")
    parser.add_argument("--workers", type=int, default=1, help="how many processes serve (default 1)")
    options = parser.parse_args()
    uvicorn.run(
        "benchmarks.hello:build_app",
        factory=True,
        port=options.port,
        workers=options.workers,
        log_level="warning",
        access_log=False,
    )
