"""Claims and questions about the mock's generated population, one a line, each about another person.

Written from the wire samples, independent of the mock's own readers and writers.
"""

import base64
import hashlib
import json
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.processes import ROOT
from mock_c06.generated.population import GeneratedPopulation
from mock_c06.generated.sampling import scattered_indexes
from mock_c06.matching import fold_name
from mock_c06.people.model import LifeStatus, Person

POPULATION, SEED = 100_000_000, "7"
FOLDER = ROOT / ".cache" / "bench"
PARTS = 8
VERDICT, RECORD = "XacThucThongTinCongDan", "TraCuuThongTinCongDan"
_CODES = {VERDICT: "003", RECORD: "037"}
_SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
_LOOK_ALIKES = set("ÐðƉ")  # the naive gateway folds them wrongly


def lines_of(kind: str, count: int) -> Path:
    """Return a file with a line for each of `count` people, made once for each count.

    Kinds: `claim` (an enquiry's JSON), `soap` and `json` (the person's part of a question in SOAP and in a platform's JSON).
    """
    path = FOLDER / f"{kind}-{count}.txt"
    if not path.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        with ProcessPoolExecutor(2) as pool:
            parts = list(pool.map(_write, range(PARTS), [count] * PARTS))
        for name in _LINES:
            aside = FOLDER / f"{name}-{count}.part"
            aside.write_text("".join(part[name] for part in parts), encoding="utf-8")
            aside.rename(FOLDER / f"{name}-{count}.txt")
    return path


def _write(part: int, count: int) -> dict[str, str]:
    """Return the lines of one part of the people, by kind."""
    generated = GeneratedPopulation(count=POPULATION, seed=SEED)
    share = -(-count // PARTS)
    places = islice(scattered_indexes(3 * share * PARTS, generated), part, None, PARTS)
    plain = (person for place in places if _is_plain(person := generated.person_at_index(place)))
    people = list(islice(plain, share))
    return {kind: "".join(f"{write(one)}\n" for one in people) for kind, write in _LINES.items()}


def _is_plain(person: Person) -> bool:
    dated = person.birth_date is not None and person.status is LifeStatus.LIVING
    return dated and not _LOOK_ALIKES & set(person.full_name)


def _claim(person: Person) -> str:
    born = f"{person.birth_date:%Y-%m-%d}"
    members = {"citizen_id": person.citizen_id, "full_name": person.full_name, "birth_date": born}
    return json.dumps(members, ensure_ascii=False, separators=(",", ":"))


def _soap(person: Person) -> str:
    return (
        f"<dan:SoDinhDanh>{person.citizen_id}</dan:SoDinhDanh><dan:HoVaTen>{fold_name(person.full_name)}</dan:HoVaTen>"
        f"<dan:NgayThangNamSinh><dan:NgayThangNam>{person.birth_date:%Y%m%d}</dan:NgayThangNam></dan:NgayThangNamSinh>"
    )


def _json(person: Person) -> str:
    members = {
        "soDinhDanh": person.citizen_id,
        "hoVaTen": fold_name(person.full_name),
        "ngayThangNam": f"{person.birth_date:%Y%m%d}",
    }
    return json.dumps(members)[1:-1]


_LINES: Mapping[str, Callable[[Person], str]] = {"claim": _claim, "soap": _soap, "json": _json}


def soap_body(operation: str) -> str:
    """Return the body of a SOAP question, in which the person's line and a number are missing."""
    return (
        f'<soapenv:Envelope xmlns:soapenv="{_SOAP}" xmlns:dan="http://dancuquocgia.bca"><soapenv:Header/><soapenv:Body>'
        f"<dan:{operation}><dan:MaYeuCau>BENCH-{_CODES[operation]}-@N@</dan:MaYeuCau><dan:MaDVC>G15-TP110</dan:MaDVC>"
        f"<dan:MaTichHop>{_CODES[operation]}</dan:MaTichHop><dan:MaCanBo>can.bo.01</dan:MaCanBo>"
        f"@LINE@</dan:{operation}></soapenv:Body></soapenv:Envelope>"
    )


def soap_headers(authority: str, path: str, account: Mapping[str, Any]) -> dict[str, str]:
    """Return a login for one route, valid for five minutes."""
    timestamp = str(time.time_ns() // 1_000_000)
    text = f"http://{authority}{path}{account['user']}{timestamp}{account['secret']}"
    login = f"{account['user']}:{hashlib.sha256(text.encode()).hexdigest()}"
    return {
        "Content-Type": "text/xml; charset=utf-8",
        "SOAPAction": '""',
        "Timestamp": timestamp,
        "Authorization": f"Basic {base64.b64encode(login.encode()).decode()}",
    }


def json_body(operation: str) -> str:
    """Return the body of the same question in a platform's JSON."""
    code = _CODES[operation]
    members = (
        f'"maYeuCau":"BENCH-JSON-{code}-@N@","maDVC":"G15-TP110","maTichHop":"{code}","maCanBo":"can.bo.01"'
    )
    return f"{{{members},@LINE@}}"


def adapter_header(account: Mapping[str, Any]) -> str:
    """Return the header of a platform's adapter."""
    adapter = account["adapter"]
    wire = {
        "AccessKey": adapter["access_key"],
        "SecretKey": adapter["secret_key"],
        "AppName": adapter["app_name"],
        "PartnerCode": adapter["partner_code"],
        "PartnerCodeCus": adapter["partner_code_cus"],
    }
    return base64.b64encode(json.dumps(wire).encode()).decode()
