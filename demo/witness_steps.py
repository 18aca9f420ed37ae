"""The steps of an outside party: a witness cosigns the log and a receipt is proved offline; a forked copy of the log is refused.

The copy is made as the gateway's own operator could: with the store, the keys and the right to sign.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence

import httpx

from demo.control import Control
from demo.processes import Programs, StartFailed
from demo.report import Report
from demo.scene import Scene, make_account
from demo.steps import CITIZEN, KHAI_SINH, Evidence, StepFailed, expect
from demo.used_store import copied
from portal.gateway_client import GatewayClient

PATIENCE_S = 30.0
_CHECKPOINT = "/.well-known/audit/checkpoint"


class Witnessed:
    """The steps share the witness's key and what it has cosigned."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._folder = scene.programs.folder

    async def play(self, report: Report) -> None:
        """Run and report every step. Raises `StepFailed` at the first failure."""
        steps: Sequence[tuple[str, Callable[[], Awaitable[Evidence]]]] = (
            ("a witness cosigned the log, and a receipt's row was proved offline", self._prove),
            ("a forked copy of the log was refused by the witness, with the evidence", self._fork),
        )
        for title, step in steps:
            report.step(title, await step())

    async def _prove(self) -> Evidence:
        programs = self._scene.programs
        witness = await asyncio.to_thread(programs.start_witness, self._scene.gateway)
        account = await asyncio.to_thread(make_account, programs, "sandbox", scopes=("verify", "audit.read"))
        claim = await Control(self._scene.mock).claim_of("nguyen-van-an")
        async with GatewayClient(account) as portal:
            answer = await portal.verify(KHAI_SINH | CITIZEN | {"claim": claim})
            proof, cosigned = await _until_cosigned(portal, witness, answer.members["id"])
        receipt = answer.members["receipt"]
        key = await _read(f"{witness}/key")
        files = {"proof": proof, "receipt": receipt, "witness.vkey": key, "cosigned": cosigned}
        for name, text in files.items():
            (self._folder / name).write_text(text, encoding="utf-8")
        options = ["--key", "witness.vkey", "--receipt", "receipt", "--checkpoint", "cosigned"]
        checked = json.loads(
            await asyncio.to_thread(programs.portal, "receipts", "verify", "proof", *options, "--json")
        )
        verified = await asyncio.to_thread(programs.gateway, "audit", "verify", "--witness", witness)
        return (
            ("witness", f"{key.partition('+')[0]}, no account, follows {self._scene.gateway}"),
            ("proof", f"row {checked['row']} of {checked['tree_size']}, checked without the gateway"),
            (
                "audit verify --witness",
                f"{verified['rows']} rows, row {verified['witness']['size']} cosigned",
            ),
        )

    async def _fork(self) -> Evidence:
        return await asyncio.to_thread(_show_fork, self._scene)


def _show_fork(scene: Scene) -> Evidence:
    programs = scene.programs
    with copied(programs) as settings:
        programs.gateway("organisations", "add", "000.00.08.H26", "Sở Tư pháp (dữ liệu thử nghiệm)")
        before = _wait_for_rows(scene.gateway, programs.witness)
        programs.stop_witness()
        with programs.settled(settings):
            for number in (9, 10):
                programs.gateway("organisations", "add", f"000.00.{number:02}.H26", "Một cơ quan khác")
            with programs.serving() as copy:
                witness = programs.start_witness(copy)
                state = _wait_for_alarm(witness)
                after = httpx.get(f"{witness}/checkpoint", trust_env=False).text
            (programs.folder / "before").write_text(before, encoding="utf-8")
            found = _refused(
                programs, "audit", "verify", "--witness", "before", "--witness-key", "witness.vkey"
            )
    expect("the cosigned checkpoint", _text_of(after), _text_of(before))  # the cosignature's time may differ
    expect("exit code of the witness", programs.stop_witness(), 1)
    return (
        ("copy", f"{copy}, signed with the gateway's own key; its last rows differ"),
        ("witness", f"ALARM, {state['state']}: {state['reason']}"),
        ("cosigned still", f"row {before.split()[1]}, the tree from before; its exit code is 1"),
        ("audit verify --witness, on the copy", found),
    )


async def _until_cosigned(portal: GatewayClient, witness: str, verification: str) -> tuple[str, str]:
    """Return the proof of a verification, and the cosigned checkpoint of the same tree."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        proof = await portal.receipt_proof(verification)
        cosigned = await _read(f"{witness}/checkpoint")
        if proof is not None and cosigned.startswith(_text_of(proof.partition("\n\n")[2])):
            return proof, cosigned
        await asyncio.sleep(0.2)
    raise StepFailed(f"the proof: expected one under a cosigned checkpoint within {PATIENCE_S:.0f} s")


def _text_of(note: str) -> str:
    return note.partition("\n\n")[0] + "\n\n"


async def _read(url: str) -> str:
    async with httpx.AsyncClient(trust_env=False) as client:
        return (await client.get(url)).text


def _wait_for_rows(gateway: str, witness: str) -> str:
    """Return what the witness has cosigned once this is the gateway's last checkpoint."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        shown = httpx.get(gateway + _CHECKPOINT, trust_env=False).text
        cosigned = httpx.get(f"{witness}/checkpoint", trust_env=False).text
        if cosigned.startswith(_text_of(shown)):
            return cosigned
        time.sleep(0.2)
    raise StepFailed("the witness did not cosign the last checkpoint")


def _wait_for_alarm(witness: str) -> dict[str, str]:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        state: dict[str, str] = httpx.get(f"{witness}/state", trust_env=False).json()
        if state["state"] == "forked":
            return state
        time.sleep(0.1)
    raise StepFailed("the witness did not refuse the forked copy")


def _refused(programs: Programs, *arguments: str) -> str:
    """Run a command that must be refused, and return its reason."""
    try:
        programs.gateway(*arguments)
    except StartFailed as refused:
        return str(refused).partition("error: ")[2]
    raise StepFailed(f"{' '.join(arguments[:2])}: expected a refusal")
