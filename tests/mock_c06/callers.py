"""Callers of the mock, written from the wire samples alone: a SOAP portal, a platform's client, a test's control.

They import nothing of the mock's writers, so that a mistake there is not repeated here.
"""

import base64
import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from xml.sax.saxutils import escape

import httpx
from lxml import etree
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.kit.clocks import StillClock

ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
AN = {
    "SoDinhDanh": "001090000123",
    "HoVaTen": "NGUYENVANAN",
    "NgayThangNam": "19900131",
}
CODES = {
    "XacThucThongTinCongDan": "003",
    "TraCuuThongTinCongDan": "037",
    "XacMinhTinhTrangHonNhan": "038",
    "XacMinhThongTinNhanThan": "039",
    "CungCapThongTinHoGiaDinh": "040",
}
Fields = dict[str, str | None]


def claim_of(persona: Mapping[str, Any]) -> Fields:
    """Return a right claim about a persona of the control face."""
    date = persona["birth_date"]
    return {
        "SoDinhDanh": persona["citizen_id"],
        "SoCMND": None if persona["citizen_id"] else persona["id_card_number"],
        "HoVaTen": persona["full_name"],
        "NgayThangNam": date.replace("-", "") if date else None,
        "Nam": None if date else f"{persona['birth_year']:04d}",
    }


def sign(account: Mapping[str, Any], url: str, timestamp: str) -> str:
    """Write C06's Basic header."""
    text = f"{url}{account['user']}{timestamp}{account['secret']}"
    login = f"{account['user']}:{hashlib.sha256(text.encode()).hexdigest()}"
    return "Basic " + base64.b64encode(login.encode()).decode()


def envelope(operation: str, fields: Mapping[str, str | None]) -> str:
    """Write a request as the samples show it; a field that is None is left out."""
    parts = []
    for name, value in fields.items():
        if value is None:
            continue
        element = f"<dan:{name}>{escape(value)}</dan:{name}>"
        birth = name in {"NgayThangNam", "Nam"}
        parts.append(f"<dan:NgayThangNamSinh>{element}</dan:NgayThangNamSinh>" if birth else element)
    return (
        f'<soapenv:Envelope xmlns:soapenv="{ENVELOPE}" xmlns:dan="http://dancuquocgia.bca">'
        f"<soapenv:Header/><soapenv:Body><dan:{operation}>{''.join(parts)}</dan:{operation}>"
        "</soapenv:Body></soapenv:Envelope>"
    )


@dataclass(slots=True)
class SoapPortal:
    """A portal that speaks SOAP under one account, through one client."""

    http: httpx.AsyncClient
    account: Mapping[str, Any]
    clock: StillClock
    base: str = "http://registry.test"
    _numbers: "count[int]" = field(default_factory=lambda: count(1))

    def fields(self, operation: str, **changes: str | None) -> Fields:
        """Give a right request about An, with changes."""
        fields: Fields = {
            "MaYeuCau": f"HN-{self.account['name']}-{next(self._numbers)}"[:40],
            "MaDVC": "G15-TP110",
            "MaTichHop": CODES[operation],
            "MaCanBo": "can.bo.01",
            "MaDonVi": "000.00.01.H26",
            **AN,
        }
        return {**fields, **changes}

    async def ask(self, operation: str, **changes: str | None) -> httpx.Response:
        """Ask about An, or somebody else by changes."""
        return await self.send(envelope(operation, self.fields(operation, **changes)), f"/{operation}")

    async def verdict(self, **changes: str | None) -> httpx.Response:
        """Ask yes or no."""
        return await self.ask("XacThucThongTinCongDan", **changes)

    async def record(self, **changes: str | None) -> httpx.Response:
        return await self.ask("TraCuuThongTinCongDan", **changes)

    async def send(
        self, body: str | bytes, path: str = "/XacThucThongTinCongDan", **headers: str
    ) -> httpx.Response:
        """Send bytes as they are, signed."""
        url = self.base + path
        timestamp = headers.pop("timestamp", str(int(self.clock.now().timestamp() * 1000)))
        sent = {
            "Content-Type": "text/xml; charset=utf-8",
            "SOAPAction": '""',
            "Timestamp": timestamp,
            "Authorization": sign(self.account, url, timestamp),
            **headers,
        }
        return await self.http.post(url, content=body, headers=sent)


@dataclass(slots=True)
class PlatformClient:
    """A portal behind a provincial platform."""

    http: httpx.AsyncClient
    account: Mapping[str, Any]
    base: str = "http://registry.test"
    token: str = ""
    _numbers: "count[int]" = field(default_factory=lambda: count(1))

    def adapter(self, **changes: str) -> str:
        adapter = self.account["adapter"] | changes
        wire = {
            "AccessKey": adapter["access_key"],
            "SecretKey": adapter["secret_key"],
            "AppName": adapter["app_name"],
            "PartnerCode": adapter["partner_code"],
            "PartnerCodeCus": adapter["partner_code_cus"],
        }
        return base64.b64encode(json.dumps(wire).encode()).decode()

    async def log_in(self, grant: str = "client_credentials", **changes: str) -> httpx.Response:
        login = (self.account["ngsp_key"], changes.get("secret", self.account["ngsp_secret"]))
        answer = await self.http.post(
            self.base + "/token",
            data={"grant_type": grant},
            auth=login,
            headers={"lgspaccesstoken": changes.get("adapter", self.adapter())},
        )
        self.token = answer.json().get("access_token", self.token)
        return answer

    async def ask(
        self, operation: str, body: Mapping[str, Any], *, without: Collection[str] = (), **headers: str
    ) -> httpx.Response:
        """Call an operation; the operation's own codes are put in where the body has none."""
        upper = self.account["dialect"] != "lgsp-camel"
        own = {
            "MaYeuCau": f"HN-{next(self._numbers)}",
            "MaDVC": "G15-TP110",
            "MaTichHop": CODES[operation],
            "MaCanBo": "can.bo.01",
        }
        own = own if upper else {name[0].lower() + name[1:]: value for name, value in own.items()}
        sent = {"Authorization": f"Bearer {self.token}", "lgspaccesstoken": self.adapter(), **headers}
        sent["Content-Type"] = "application/json"
        path = f"/lgsp/{operation[0].lower()}{operation[1:]}"
        members = {name: value for name, value in {**own, **body}.items() if name not in without}
        return await self.http.post(self.base + path, content=json.dumps(members), headers=sent)


def texts(element: etree._Element, path: str = "") -> dict[str, str]:
    """Return every text and attribute inside an element by its path: a container's own text is always empty."""
    found = {f"{path}@{name}": value for name, value in element.attrib.items()}
    if (element.text or "").strip():
        found[path] = str(element.text)
    for child in element:
        found |= texts(child, f"{path}/{etree.QName(child).localname}")
    return found


def remember_bodies(app: ASGIApp, bodies: list[bytes]) -> ASGIApp:
    """Return the app, which adds each part of a body that it sends to `bodies`."""

    async def remembering(scope: Scope, receive: Receive, send: Send) -> None:
        async def remember(message: Message) -> None:
            if message["type"] == "http.response.body":
                bodies.append(message.get("body", b""))
            await send(message)

        await app(scope, receive, remember)

    return remembering
