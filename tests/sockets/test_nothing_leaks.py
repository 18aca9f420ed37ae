"""Threats 15 and 44: after a full run, no log and no store contains a name, number, date, secret or token."""

import json
import unicodedata
from urllib.parse import quote

from gateway.enquiries.claim import fold_name
from tests.kit.programs import Place, Running, Served, find_account, log_in
from tests.kit.scene import AN, enquiry

SAI = "Nguyễn Văn Sai"


def _play(running: Running, account: dict[str, str]) -> list[str]:
    """Verify, reuse, prefill, and get many refusals; return the secrets that were sent."""
    with log_in(running, account) as portal:
        first = portal.post("/verifications", json=enquiry()).json()
        act = {name: enquiry()[name] for name in ("procedure", "dossier", "subject_role", "initiated_by")}
        fields = ["full_name", "birth_date", "citizen_id", "permanent_residence"]
        filled = portal.post("/prefills", json=act | {"receipt": first["receipt"], "fields": fields})
        assert filled.json()["fields"]["full_name"]["state"] == "filled"
        refusals = [
            portal.post("/verifications", json=enquiry(claim=AN | {"full_name": SAI})),
            portal.post("/verifications", json=enquiry(claim=AN | {AN["citizen_id"]: "x"})),
            portal.post("/verifications", json=enquiry(dossier=AN["citizen_id"])),
            portal.post("/verifications", json=enquiry(claim=AN | {"birth_date": "1990-02-31"})),
            portal.post("/verifications", content=json.dumps(enquiry()).encode()[:-9]),
            portal.get(f"/verifications/{AN['citizen_id']}", headers={"X-Request-Id": AN["citizen_id"]}),
            portal.get(f"/{quote(AN['full_name'])}"),
            portal.post("/receipts/check", json={"receipt": first["receipt"][:-4]}),
        ]
        assert portal.post("/verifications", json=enquiry(dossier="HN-2022-000777")).status_code == 200
        assert portal.post("/ledger", json={"receipt": first["receipt"]}).status_code == 200
        for refused in refusals:
            assert AN["citizen_id"] not in refused.text
        token = portal.headers["authorization"].split()[1]
    return [token, token.split(".")[2], first["receipt"], first["receipt"].split(".")[2]]


def test_threat_44_a_full_run_leaves_no_person_and_no_secret_in_logs_or_store(
    place: Place, mock: Served
) -> None:
    account = place.make_account()
    with place.serving() as running:
        on_the_line = _play(running, account)
        store = b"".join(path.read_bytes() for path in (place.folder / "var").glob("gateway.db*"))
        assert running.end() == 0
    store += b"".join(path.read_bytes() for path in (place.folder / "var").glob("gateway.db*"))
    lines = [json.loads(line) for line in place.log().splitlines()]
    requests = [line for line in lines if line["event"] == "request"]
    assert len(requests) >= 12
    assert all(line["request_id"].startswith("req_") for line in requests)
    people = [AN["citizen_id"], AN["birth_date"], "31/01/1990", "19900131", "31011990", "036162000457"]
    for name in (AN["full_name"], SAI, AN["full_name"].upper()):
        people += [name, unicodedata.normalize("NFD", name), quote(name), fold_name(name)]
    secrets = [account["client_secret"], find_account(mock, "dvctt-hanoi")["secret"], *on_the_line]
    secrets.append((place.folder / "var" / "master.key").read_text(encoding="ascii").strip())
    for word in [*people, *secrets, "can.bo"]:
        assert word not in place.log(), "in the log"
        assert word.encode() not in store, "in the store"
    assert place.run("audit", "verify")["rows"] >= 10
