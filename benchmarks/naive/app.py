"""A naive gateway: one route, and for each request one ORM session, and one HTTP client unless all share one.

It checks a signed token, asks the registry for a verdict in SOAP, stores a row and answers. It reuses nothing, seals
nothing, signs no receipt, chains no audit, checks no answer. It is only for comparison.
"""

import base64
import hashlib
import re
import time
import unicodedata
import uuid
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import httpx
from fastapi import FastAPI, Header, HTTPException
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column


class Base(DeclarativeBase):
    """The naive gateway's tables."""


class Enquiry(Base):
    """One row for each question."""

    __tablename__ = "enquiries"
    id: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[str]
    name: Mapped[str]
    confirmed: Mapped[bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """The registry's URL and the credentials."""

    url: str
    user: str
    secret: str
    agency: str


def fold(name: str) -> str:
    """Return a name as the registry compares it."""
    parts = unicodedata.normalize("NFD", name.upper().replace("Đ", "D"))
    return re.sub("[^A-Z0-9]", "", parts)


def ask(registry: Registry, claim: dict[str, Any], client: httpx.Client | None) -> bool:
    """Ask one question, with a new HTTP client if there is none."""
    url = f"{registry.url}/XacThucThongTinCongDan"
    stamp = str(time.time_ns() // 1_000_000)
    digest = hashlib.sha256(f"{url}{registry.user}{stamp}{registry.secret}".encode()).hexdigest()
    basic = base64.b64encode(f"{registry.user}:{digest}".encode()).decode()
    envelope = (
        '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
        'xmlns:dan="http://dancuquocgia.bca"><soapenv:Header/><soapenv:Body><dan:XacThucThongTinCongDan>'
        f"<dan:MaYeuCau>{uuid.uuid4()}</dan:MaYeuCau><dan:MaDVC>G15-TP110</dan:MaDVC>"
        "<dan:MaTichHop>003</dan:MaTichHop><dan:MaCanBo>dvctt.dichvu</dan:MaCanBo>"
        f"<dan:MaDonVi>{registry.agency}</dan:MaDonVi>"
        f"<dan:SoDinhDanh>{claim['citizen_id']}</dan:SoDinhDanh><dan:HoVaTen>{fold(claim['full_name'])}</dan:HoVaTen>"
        f"<dan:NgayThangNamSinh><dan:NgayThangNam>{claim['birth_date'].replace('-', '')}</dan:NgayThangNam>"
        "</dan:NgayThangNamSinh></dan:XacThucThongTinCongDan></soapenv:Body></soapenv:Envelope>"
    )
    headers = {"Authorization": f"Basic {basic}", "Timestamp": stamp, "Content-Type": "text/xml"}
    with nullcontext(client) if client else httpx.Client(trust_env=False) as http:
        answer = http.post(url, content=envelope.encode(), headers=headers)
    answer.raise_for_status()
    return "<SoLuongCongDan>1<" in answer.text


def build_app(
    registry: Registry, *, database: str, token_key: bytes, client: httpx.Client | None = None
) -> FastAPI:
    """Return the naive gateway, with one HTTP client for all requests or a new one for each."""
    engine = create_engine(f"sqlite:///{database}", connect_args={"check_same_thread": False, "timeout": 30})
    Base.metadata.create_all(engine)
    key = OctKey.import_key(token_key)
    app = FastAPI()

    @app.post("/verifications")
    def verify(body: dict[str, Any], authorization: str = Header()) -> dict[str, Any]:
        try:
            jwt.decode(authorization.removeprefix("Bearer "), key, algorithms=["HS256"])
        except JoseError:
            raise HTTPException(401) from None
        claim = body["claim"]
        confirmed = ask(registry, claim, client)
        row = Enquiry(
            id=str(uuid.uuid4()), number=claim["citizen_id"], name=claim["full_name"], confirmed=confirmed
        )
        with Session(engine) as session:
            session.add(row)
            session.commit()
            return {"id": row.id, "verdict": "confirmed" if confirmed else "not_confirmed"}

    return app
