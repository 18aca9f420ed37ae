"""Prepared calls for the mock's two faces, each about another person of its generated population, and what proves
that they were answered: a benchmark counts no refusal.

Written from the wire samples, beside the mock's own readers and writers.
"""

import base64
import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any

from mock_c06.matching.fold import fold_name
from mock_c06.nation.nation import Nation
from mock_c06.nation.sampling import scatter
from mock_c06.population.model import LifeStatus, Person

SEED = "7"
VERDICT, RECORD = "XacThucThongTinCongDan", "TraCuuThongTinCongDan"
_CODES = {VERDICT: "003", RECORD: "037"}
_SOAP = "http://schemas.xmlsoap.org/soap/envelope/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a server listens."""

    host: str
    port: int

    @property
    def authority(self) -> str:
        """The Host header."""
        return f"{self.host}:{self.port}"


def people_of(population: int, count: int) -> list[Person]:
    """Give so many living people with a birth date, scattered over the population; again from the first if they end."""
    nation = Nation(count=population, seed=SEED)
    everybody = (nation.person_at(place) for place in scatter(2 * count, nation))
    plain = [person for person in everybody if _is_plain(person)]
    return list(islice(cycle(plain), count))


def _is_plain(person: Person) -> bool:
    return person.status is LifeStatus.LIVING and person.birth_date is not None


def write_post(place: Place, path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    """Write a whole request."""
    head = {"Host": place.authority, **headers, "Content-Length": str(len(body))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    return f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode() + body


def write_get(place: Place, path: str, headers: Mapping[str, str]) -> bytes:
    """Write a whole request without a body."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in {"Host": place.authority, **headers}.items())
    return f"GET {path} HTTP/1.1\r\n{lines}\r\n".encode()


def soap_calls(
    place: Place, run: str, account: Mapping[str, Any], operation: str, people: Sequence[Person]
) -> Iterator[bytes]:
    """Write SOAP calls in a run of the mock, each with a login of its own; good for five minutes."""
    path = f"/r/{run}/{operation}"
    for number, person in enumerate(people):
        timestamp = str(time.time_ns() // 1_000_000)
        text = f"http://{place.authority}{path}{account['user']}{timestamp}{account['secret']}"
        login = f"{account['user']}:{hashlib.sha256(text.encode()).hexdigest()}"
        headers = {
            "Content-Type": "text/xml; charset=utf-8",
            "SOAPAction": '""',
            "Timestamp": timestamp,
            "Authorization": f"Basic {base64.b64encode(login.encode()).decode()}",
        }
        yield write_post(place, path, _envelope(operation, person, number).encode(), headers)


def _envelope(operation: str, person: Person, number: int) -> str:
    fields = {
        "MaYeuCau": f"BENCH-{number}",
        "MaDVC": "G15-TP110",
        "MaTichHop": _CODES[operation],
        "MaCanBo": "can.bo.01",
        "SoDinhDanh": person.citizen_id,
        "HoVaTen": fold_name(person.full_name),
    }
    told = "".join(f"<dan:{name}>{value}</dan:{name}>" for name, value in fields.items())
    born = f"<dan:NgayThangNam>{person.birth_date:%Y%m%d}</dan:NgayThangNam>"
    return (
        f'<soapenv:Envelope xmlns:soapenv="{_SOAP}" xmlns:dan="http://dancuquocgia.bca"><soapenv:Header/>'
        f"<soapenv:Body><dan:{operation}>{told}<dan:NgayThangNamSinh>{born}</dan:NgayThangNamSinh>"
        f"</dan:{operation}></soapenv:Body></soapenv:Envelope>"
    )


def platform_calls(
    place: Place, base: str, headers: Mapping[str, str], operation: str, people: Sequence[Person]
) -> Iterator[bytes]:
    """Write calls in the platform's JSON (`lgsp-camel`), under a path that ends before `/lgsp/`."""
    path = f"{base}/lgsp/{operation[0].lower()}{operation[1:]}"
    sent = {"Content-Type": "application/json", **headers}
    for number, person in enumerate(people):
        body = {
            "maYeuCau": f"BENCH-{number}",
            "maDVC": "G15-TP110",
            "maTichHop": _CODES[operation],
            "maCanBo": "can.bo.01",
            "soDinhDanh": person.citizen_id,
            "hoVaTen": fold_name(person.full_name),
            "ngayThangNam": f"{person.birth_date:%Y%m%d}",
        }
        yield write_post(place, path, json.dumps(body).encode(), sent)


def token_call(place: Place, base: str, account: Mapping[str, Any]) -> bytes:
    """Write a call for a platform's token."""
    key = base64.b64encode(f"{account['ngsp_key']}:{account['ngsp_secret']}".encode()).decode()
    headers = {
        "Authorization": f"Basic {key}",
        "Content-Type": "application/x-www-form-urlencoded",
        "lgspaccesstoken": adapter_header(account),
    }
    return write_post(place, f"{base}/token", b"grant_type=client_credentials", headers)


def adapter_header(account: Mapping[str, Any]) -> str:
    """Write the adapter's own header."""
    adapter = account["adapter"]
    wire = {
        "AccessKey": adapter["access_key"],
        "SecretKey": adapter["secret_key"],
        "AppName": adapter["app_name"],
        "PartnerCode": adapter["partner_code"],
        "PartnerCodeCus": adapter["partner_code_cus"],
    }
    return base64.b64encode(json.dumps(wire).encode()).decode()


def is_yes(status: int, body: bytes) -> bool:
    """Say whether that is a verdict of exactly one citizen, in SOAP or in a platform's JSON."""
    return status == 200 and (b"<SoLuongCongDan>1<" in body or body == b'{"data": true}')


def is_record(status: int, body: bytes) -> bool:
    """Say whether that is a record of somebody."""
    return status == 200 and (b"<ThuongTru>" in body or b'"ThuongTru"' in body)


def is_token(status: int, body: bytes) -> bool:
    """Say whether that is a token."""
    return status == 200 and b'"access_token"' in body
