"""What a witness's cosignature is good for: proofs that anyone checks offline, and a gateway's check of its own log."""

import gzip
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from structlog.testing import capture_logs
from typer.testing import CliRunner

from gateway.audit.cli import read_kept
from gateway.audit.verify import verify_audit
from gateway.errors.operators import AuditBroken, StateWrong
from gateway.storage.checkpoint_copies import CheckpointCopies, read_witness
from portal.cli import app as portal_app
from portal.errors import StartRefused
from tests.attacks.evidence import trust_of
from tests.gateway.audit.test_proofs import fill
from tests.kit.commands import Commands
from tests.kit.scene import Portal, Scene
from tests.witness.stand import Stand, wipe
from tests.witness.test_notes import cosigned_note
from witness.cli import app as witness_app
from witness.follower import State
from witness.notes import Cosigner, parse_checkpoint
from witness.web import build_app

ADDRESS = "http://witness.test"
ZIPPED = {"content-encoding": "gzip"}


@asynccontextmanager
async def idle() -> AsyncIterator[None]:
    yield


def way_to(stand: Stand) -> httpx.ASGITransport:
    """Return the way to the witness's pages."""
    return httpx.ASGITransport(build_app(stand.witness, idle))


def asking(stand: Stand) -> CheckpointCopies:
    return CheckpointCopies(witness=ADDRESS, witness_key=None, transport=way_to(stand))


async def get(stand: Stand, path: str) -> httpx.Response:
    async with httpx.AsyncClient(transport=way_to(stand), base_url=ADDRESS) as client:
        return await client.get(path)


async def test_a_slash_too_many_does_not_redirect_to_the_host_that_a_stranger_names(stand: Stand) -> None:
    async with httpx.AsyncClient(transport=way_to(stand), base_url="http://evil.example") as client:
        answer = await client.get("/key/")
    assert (answer.status_code, answer.headers.get("location")) == (404, None)


async def test_the_root_names_what_the_witness_shows(stand: Stand) -> None:
    answer = await get(stand, "/")
    assert answer.status_code == 200
    lines = answer.text.splitlines()
    assert lines[0] == "witness.example: a witness of a verification gateway's signed log"
    assert [line.split()[0] for line in lines[1:]] == ["/checkpoint", "/key", "/state", "/metrics"]


async def test_the_pages_show_checkpoint_key_state_and_figures(stand: Stand) -> None:
    assert (await get(stand, "/checkpoint")).status_code == 404
    assert (await get(stand, "/state")).status_code == 503
    await stand.check(3)
    assert (await get(stand, "/checkpoint")).text == stand.witness.record.note
    assert (await get(stand, "/key")).text == f"{stand.witness.key}\n"
    state = await get(stand, "/state")
    assert (state.status_code, state.json()["state"], state.json()["size"]) == (200, "following", 3)
    figures = (await get(stand, "/metrics")).text
    assert "witness_rows 3\n" in figures
    assert "witness_forked 0\n" in figures


async def test_a_fork_is_shown_beside_the_checkpoint_from_before(scene: Scene, stand: Stand) -> None:
    await stand.check(3)
    before = stand.witness.record.note
    await wipe(scene)
    for rows, found in ((2, "shrunk"), (3, "forked")):
        await stand.check(rows)
        state = await get(stand, "/state")
        assert (state.status_code, state.json()["state"]) == (503, found)
        assert (await get(stand, "/checkpoint")).text == before
        figures = (await get(stand, "/metrics")).text
        assert "witness_alarm 1\n" in figures
        assert f"witness_forked {int(found == 'forked')}\n" in figures
    assert (await get(stand, "/state")).json()["reason"] == "two different trees of 3 rows"


async def prove(scene: Scene, stand: Stand) -> tuple[Portal, str, str]:
    """Return an account, and the receipt and the cosigned proof of its verification."""
    portal = await scene.portal(scopes=("verify", "audit.read"))
    found = (await portal.verify()).json()
    await fill(scene, 20)
    assert await stand.check() is State.FOLLOWING
    copies = asking(stand)
    await copies.ask_witness()
    scene.gateway.copies.cosigned = copies.cosigned
    await fill(scene, 5)
    assert await scene.gateway.sequencer.run()
    proof = await portal.call("GET", f"/receipts/{found['id']}/proof")
    assert proof.status_code == 200
    return portal, found["receipt"], proof.text


class Files:
    """The files that an outside party has."""

    def __init__(self, folder: Path, stand: Stand, receipt: str, proof: str) -> None:
        self.folder = folder
        self.write("proof", proof)
        self.write("witness.vkey", f"{stand.witness.key}\n")
        self.write("log.vkey", f"{stand.witness.record.keys[0]}\n")
        self.write("receipt", f"{receipt}\n")

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, encoding="utf-8")

    def verify(self, *options: str) -> str:
        """Run the portal's check; return what it prints, or its reason."""
        given = [str(self.folder / each) if not each.startswith("--") else each for each in options]
        done = CliRunner().invoke(portal_app, ["receipts", "verify", str(self.folder / "proof"), *given])
        if isinstance(done.exception, StartRefused):
            return str(done.exception).partition(": ")[2]
        assert done.exit_code == 0, done.output
        return done.stdout


@pytest.mark.parametrize(
    "path", [[], ["serve"], ["receipts", "verify"], ["witness"], ["witness", "serve"]], ids=" ".join
)
def test_help_of_the_portals_and_the_witnesss_commands_shows_an_example_within_80_columns(
    path: list[str],
) -> None:
    app = witness_app if path[:1] == ["witness"] else portal_app
    told = CliRunner().invoke(app, [*filter("witness".__ne__, path), "--help"], terminal_width=80).output
    assert "Example" in told
    assert max(map(len, told.splitlines())) <= 80


async def test_a_cosigned_proof_of_a_receipt_is_checked_offline(
    scene: Scene, stand: Stand, tmp_path: Path
) -> None:
    _, receipt, proof = await prove(scene, stand)
    files = Files(tmp_path, stand, receipt, proof)
    told = files.verify("--key", "witness.vkey", "--key", "log.vkey", "--receipt", "receipt").splitlines()
    size = stand.witness.record.edge.size
    assert told[0].startswith("ok: row ")
    assert told[0].endswith(f" of {size} in the log gateway.test/audit")
    assert told[1] == "signed by gateway.test/audit"
    assert told[2].startswith("signed by witness.example at 20")
    members = json.loads(files.verify("--key", "witness.vkey", "--json"))
    assert (members["ok"], members["tree_size"]) == (True, size)
    assert [each["name"] for each in members["signers"]] == ["witness.example"]
    assert "leaf: " in files.verify("--key", "witness.vkey")


async def test_a_proof_that_shows_less_is_refused_with_the_reason(
    scene: Scene, stand: Stand, tmp_path: Path
) -> None:
    portal, receipt, proof = await prove(scene, stand)
    other = (await portal.verify(procedure="ket-hon")).json()["receipt"]
    files = Files(tmp_path, stand, receipt, proof)
    assert files.verify("--key", "log.vkey") == "no key of a witness was given"
    files.write("receipt", other)
    reason = files.verify("--key", "witness.vkey", "--receipt", "receipt")
    assert reason == "the proof is about another row than the receipt"
    files.write("receipt", "a.b.c")
    assert files.verify("--key", "witness.vkey", "--receipt", "receipt").startswith("not a receipt")
    wrong = ["--key", str(tmp_path / "receipt")]
    done = CliRunner().invoke(portal_app, ["receipts", "verify", str(tmp_path / "proof"), *wrong])
    assert str(done.exception).startswith(f"{tmp_path / 'receipt'}: not a key; ")  # the file that is wrong
    wrong = ["--key", str(tmp_path / "witness.vkey"), "--checkpoint", str(tmp_path / "receipt")]
    done = CliRunner().invoke(portal_app, ["receipts", "verify", str(tmp_path / "proof"), *wrong])
    assert str(done.exception) == f"{tmp_path / 'receipt'}: not a signed note"
    lines = proof.split("\n")
    lines[3], lines[4] = lines[4], lines[3]
    files.write("proof", "\n".join(lines))
    assert "doesn't lead to the checkpoint's root" in files.verify("--key", "witness.vkey")
    files.write("proof", proof.replace("\N{EM DASH} witness.example", "\N{EM DASH} someone.example"))
    assert "is not signed by a witness" in files.verify("--key", "witness.vkey")
    files.write("proof", cosigned_note())
    assert files.verify("--key", "witness.vkey").startswith("not a proof")


@pytest.mark.parametrize("option", ["--key", "--receipt", "--checkpoint"])
async def test_a_file_without_an_end_is_read_to_a_limit_and_refused(
    scene: Scene, stand: Stand, tmp_path: Path, option: str
) -> None:
    _, receipt, proof = await prove(scene, stand)
    files = Files(tmp_path, stand, receipt, proof)
    reason = files.verify("--key", "witness.vkey", option, "/dev/zero")
    assert reason == "over 131072 bytes: no proof, key or receipt is so long"


async def test_a_proof_that_is_not_cosigned_is_checked_with_the_witnesss_own_checkpoint(
    scene: Scene, stand: Stand, tmp_path: Path
) -> None:
    portal, *_ = await prove(scene, stand)
    scene.gateway.copies.cosigned = None
    found = (await portal.verify(procedure="ket-hon")).json()
    await stand.check()
    proof = (await portal.call("GET", f"/receipts/{found['id']}/proof")).text
    files = Files(tmp_path, stand, found["receipt"], proof)
    reason = files.verify("--key", "witness.vkey")
    assert "is not signed by a witness" in reason
    assert reason.endswith(": give what the witness shows at /checkpoint with --checkpoint FILE")
    files.write("cosigned", stand.witness.record.note)
    told = files.verify("--key", "witness.vkey", "--receipt", "receipt", "--checkpoint", "cosigned")
    assert told.startswith("ok: ")
    size = stand.witness.record.edge.size
    await fill(scene, 1)
    await stand.check()
    files.write("cosigned", stand.witness.record.note)
    reason = files.verify("--key", "witness.vkey", "--checkpoint", "cosigned")
    assert reason.startswith(f"the proof is for {size} rows, the cosigned checkpoint has {size + 1}: ")
    assert reason.endswith("fetch both again, until both have the same number")


async def test_a_cosigned_checkpoint_of_another_root_or_log_is_told_from_one_of_another_size(
    scene: Scene, stand: Stand, tmp_path: Path
) -> None:
    _, receipt, proof = await prove(scene, stand)
    files, note = Files(tmp_path, stand, receipt, proof), stand.witness.record.note
    origin, size, root = note.splitlines()[:3]
    files.write("cosigned", note.replace(root, "A" * 43 + "=", 1))
    reason = files.verify("--key", "witness.vkey", "--checkpoint", "cosigned")
    assert reason == f"the cosigned checkpoint of {size} rows has another root than the proof's"
    files.write("cosigned", note.replace(origin, "other.example/audit", 1))
    reason = files.verify("--key", "witness.vkey", "--checkpoint", "cosigned")
    assert reason == f"the proof is of the log {origin}, the cosigned checkpoint of other.example/audit"


async def test_a_proof_is_under_the_gateways_own_checkpoint_where_the_witness_has_not_the_row(
    scene: Scene, stand: Stand
) -> None:
    portal, _, proof = await prove(scene, stand)
    assert (
        parse_checkpoint(proof.partition("\n\n")[2]).text == parse_checkpoint(stand.witness.record.note).text
    )
    later = (await portal.verify(procedure="ket-hon")).json()
    assert await scene.gateway.sequencer.run()
    own = (await portal.call("GET", f"/receipts/{later['id']}/proof")).text
    assert own.partition("\n\n")[2] == await stand.published()


async def test_what_a_forked_witness_signed_before_is_no_proof_of_the_rewritten_log(
    scene: Scene, stand: Stand
) -> None:
    portal, _, _ = await prove(scene, stand)
    await wipe(scene)
    await fill(scene, 40)
    found = (await portal.verify(procedure="ket-hon")).json()
    for _ in range(2):
        await fill(scene, 40)
        assert await stand.new_sequencer().run()
    proof = (await portal.call("GET", f"/receipts/{found['id']}/proof")).text
    assert proof.partition("\n\n")[2] == await stand.published()


async def check(scene: Scene, source: str, key: str | None = None) -> None:
    """Do what `audit verify --witness` does, with a file."""
    database = scene.gateway.deps.database
    path = None if key is None else Path(key)
    kept = await read_kept(database, scene.settings, witness=source, witness_key=path)
    await verify_audit(database, trust=await trust_of(scene), known=kept.known)


async def test_the_check_wants_the_cosigned_checkpoint_in_the_log(
    scene: Scene, stand: Stand, tmp_path: Path
) -> None:
    await stand.check(5)
    note, key = tmp_path / "note", tmp_path / "key"
    note.write_text(stand.witness.record.note, encoding="utf-8")
    key.write_text(f"{stand.witness.key}\n", encoding="utf-8")
    await fill(scene, 1)
    await check(scene, str(note), str(key))
    with pytest.raises(StateWrong, match="give --witness-key FILE"):
        await check(scene, str(note))
    key.write_text(str(Cosigner("witness.example", Ed25519PrivateKey.generate()).key), encoding="utf-8")
    with pytest.raises(StateWrong, match="not a checkpoint that this witness has cosigned"):
        await check(scene, str(note), str(key))
    key.write_text(f"{stand.witness.key}\n", encoding="utf-8")
    await wipe(scene)
    await fill(scene, 9)
    assert await stand.new_sequencer().run()
    with pytest.raises(AuditBroken, match="row 1: it or a later row differs from the checkpoint at row 5"):
        await check(scene, str(note), str(key))


def test_the_command_prints_what_the_witness_cosigned_and_refuses_another_log(tmp_path: Path) -> None:
    gateway, note, key = Commands(tmp_path), tmp_path / "note", tmp_path / "key"
    gateway("organisations", "add", "000.00.01.H26", "Hà Nội")
    signed = parse_checkpoint(gateway("audit", "checkpoint").out)
    cosigner = Cosigner("witness.example", Ed25519PrivateKey.generate())
    note.write_text(cosigner.cosign(signed, log=(), now=1_650_000_000), encoding="utf-8")
    key.write_text(f"{cosigner.key}\n", encoding="utf-8")
    asked = ("audit", "witness", "note", "--witness-key", "key")
    for agency, told in (
        ("000.00.02.H26", "has 1 signed row after it"),
        ("000.00.03.H26", "has 2 signed rows"),
    ):
        gateway("organisations", "add", agency, "Huế")
        gateway("audit", "checkpoint")
        assert told in gateway(*asked).out

    assert gateway(*asked).out == (
        "witness: witness.example cosigned row 1 at 2022-04-15T05:20:00Z\n"
        "log: agrees, and has 2 signed rows after it\n"
    )
    found = gateway(*asked, "--json").json()
    assert (found["witness"]["size"], found["later"]) == (1, 2)
    other = replace(signed, text=signed.text.replace(signed.text.split("\n")[2], "A" * 43 + "="))
    note.write_text(cosigner.cosign(other, log=(), now=1_650_000_000), encoding="utf-8")
    assert "the log differs from the checkpoint at row 1" in gateway(*asked).reason()


@pytest.mark.parametrize(
    ("name", "time"), [("witness.example", 2**62), ("witness\x1b[2J", 1_650_000_000)], ids=["time", "name"]
)
async def test_a_witness_with_an_impossible_time_or_a_steering_name_is_refused(
    scene: Scene, stand: Stand, tmp_path: Path, name: str, time: int
) -> None:
    await stand.check(3)
    cosigner = Cosigner("witness.example", Ed25519PrivateKey.generate())
    cosigner.key = replace(cosigner.key, name=name)
    note, key = tmp_path / "note", tmp_path / "key"
    published = parse_checkpoint(await stand.published())
    note.write_text(cosigner.cosign(published, log=stand.witness.record.keys, now=time), encoding="utf-8")
    key.write_text(f"{cosigner.key}\n", encoding="utf-8")
    with pytest.raises(StateWrong, match="not a checkpoint that this witness has cosigned"):
        await check(scene, str(note), str(key))


async def test_a_witness_is_read_with_its_own_key_or_a_kept_one(stand: Stand) -> None:
    await stand.check(3)
    for key in (None, f"{stand.witness.key}\n"):
        found = await read_witness(ADDRESS, key, transport=way_to(stand))
        assert (found.checkpoint.size, found.cosignature.name) == (3, "witness.example")


async def test_a_witness_that_found_a_fork_ends_the_check_and_is_logged_once(
    scene: Scene, stand: Stand
) -> None:
    await stand.check(3)
    await wipe(scene)
    await stand.check(2)
    with pytest.raises(StateWrong, match="the witness has found the log shrunk: 'the log had 3 rows"):
        await read_witness(ADDRESS, None, transport=way_to(stand))
    copies = asking(stand)
    with capture_logs() as lines:
        await copies.ask_witness()
        await copies.ask_witness()
    assert [(line["event"], line["target"]) for line in lines] == [("checkpoint_not_copied", "witness")]
    assert "found the log shrunk" in lines[0]["reason"]
    assert (copies.cosigned, copies.counts) == (None, {("witness", "failed"): 2})


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (httpx.Response(200, text="<html>"), "not a witness"),
        (httpx.Response(200, json=[1]), "not a witness"),
        (httpx.Response(200, json={"state": []}), "not a checkpoint"),
        (httpx.Response(404), "answers with status 404"),
        (httpx.Response(200, text="x" * 70_000), "not a witness's answer"),
        (httpx.Response(200, content=gzip.compress(b'{"state": 1}'), headers=ZIPPED), "not a witness"),
    ],
)
async def test_another_program_at_the_witnesss_address_is_refused(
    answer: httpx.Response, reason: str
) -> None:
    with pytest.raises(StateWrong, match=reason):
        await read_witness(ADDRESS, None, transport=httpx.MockTransport(lambda _: answer))


async def test_a_witness_that_is_not_there_is_refused_by_name() -> None:
    with pytest.raises(StateWrong, match=r"the witness does not answer \(ConnectError\)"):
        await read_witness("http://127.0.0.1:1", None)
