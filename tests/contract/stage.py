"""The callers for the tests of the order of checks; each fails one check."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from gateway.accounts.model import AccountState, make_grant
from gateway.accounts.use_cases import change_state
from mock_c06.app import MockRegistry
from tests.kit.clocks import HandClock
from tests.kit.scene import AN, Portal, Scene, open_scene, settings_for

WRONG = AN | {"full_name": "Nguyễn Văn Sai"}
OFFICER = {"kind": "officer", "id": "can.bo.02"}
TEXT = {"Content-Type": "text/plain"}
KEY = {"Idempotency-Key": "kx2p9a7q-e1tz-vb4w"}
OTHER_FIELDS = json.dumps(
    [{"type": "citizen_enquiry", "procedures": ["*"], "subject_roles": ["*"], "fields": ["gender"]}]
)
GRANTS = make_grant(["khai-sinh"], ["requester", "father"], ["full_name"])


@dataclass
class Stage:
    """Callers that fail one check each, and the receipt of an enquiry that all of them could have made."""

    scene: Scene
    portal: Portal
    strangers_receipt: str

    async def post(
        self, path: str, body: Any, portal: Portal | None = None, **headers: str
    ) -> httpx.Response:
        """Call as the account with few grants, or as another."""
        return await (portal or self.portal).call("POST", path, body, **headers)


async def suspend(stage: Stage, portal: Portal) -> None:
    """Suspend an account whose token is still valid."""
    await change_state(stage.scene.gateway.deps, portal.client_id, AccountState.SUSPENDED)


@pytest.fixture
async def stage(database_url: str, mock: MockRegistry, clock: HandClock) -> AsyncIterator[Stage]:
    settings = settings_for(database_url, mock, sandbox={"budget_account_hour": 1})
    async with open_scene(settings, mock, clock) as scene:
        wide = await scene.portal()
        receipt = await wide.receipt()
        await scene.control.delete("/runs/default")
        yield Stage(scene, await scene.portal(grants=GRANTS), receipt)
