"""Identical claims at two workers on one store at the same time: one question, one verdict, one row of
evidence for each.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import date, timedelta

import pytest
import sqlalchemy as sa

from gateway.accounts.model import Caller
from gateway.accounts.store import find_account
from gateway.cleanup import clean_up
from gateway.enquiries.authorise import authorise_enquiry
from gateway.enquiries.budget_store import leases
from gateway.enquiries.model import Enquiry, Origin
from gateway.enquiries.requests import VerificationBody
from gateway.enquiries.verify import Singleflight, reuse_or_ask
from gateway.identifiers import Profile
from tests.kit.scene import AN, Portal, Scene, another_worker, enquiry

WRONG = AN | {"full_name": "Nguyễn Văn Sai"}


@pytest.fixture
async def callers(scene: Scene, portal: Portal) -> AsyncIterator[Sequence[Portal]]:
    """The same account's caller at two workers."""
    async with another_worker(scene) as http:
        yield (portal, replace(portal, http=http))


async def rows(scene: Scene) -> Counter[str]:
    found = [row for row in await scene.audit() if row["kind"] != "local"]
    return Counter(f"{row['kind']} {row.get('outcome', '')}".strip() for row in found)


async def test_threat_33_identical_claims_at_two_workers_are_asked_once(
    scene: Scene, callers: Sequence[Portal]
) -> None:
    await scene.fault("latency", delay_ms=1000, times=1)
    answers = await asyncio.gather(*(callers[number % 2].verify() for number in range(20)))

    assert len(await scene.journal()) == 1
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: 19}
    assert await rows(scene) == {"intended": 1, "answered confirmed": 1, "reused confirmed": 19}


async def test_threat_33_different_dossiers_at_two_workers_derive_from_one_root_verification(
    scene: Scene, callers: Sequence[Portal]
) -> None:
    await scene.fault("latency", delay_ms=1000, times=1)
    answers = await asyncio.gather(
        *(callers[number % 2].verify(dossier=f"HN-{number}") for number in range(20))
    )

    members = [answer.json() for answer in answers]
    assert len(await scene.journal()) == 1
    assert Counter(each["derived_from"] is None for each in members) == {True: 1, False: 19}
    assert len({each["id"] for each in members}) == 20


async def test_threat_33_an_end_that_is_committed_after_the_search_for_reuse_is_shared(
    scene: Scene, portal: Portal
) -> None:
    first = (await portal.verify()).json()
    deps, place = scene.gateway.deps, scene.gateway.places[Profile.SANDBOX]
    async with deps.database.read() as connection:
        account = await find_account(connection, portal.client_id)
    assert account is not None
    caller = Caller(account=account, scopes=account.scopes, grants=account.grants, request_id="req-1")
    body = VerificationBody.model_validate(enquiry(), context={"today": date(2022, 4, 1)})
    wanted = Enquiry(
        procedure=body.procedure,
        dossier=body.dossier,
        subject_role=body.subject_role,
        claim=body.claim.to_model(),
        initiated_by=body.initiated_by.to_model(),
    )
    begun_later = await authorise_enquiry(deps, place, caller, wanted)

    outcome = await reuse_or_ask(deps, Singleflight(), begun_later)
    assert (outcome.verification.id, outcome.origin) == (first["id"], Origin.REUSE)
    assert len(await scene.journal()) == 1

    asked_anew = await authorise_enquiry(deps, place, caller, replace(wanted, fresh=True))
    assert (await reuse_or_ask(deps, Singleflight(), asked_anew)).origin is Origin.REGISTRY
    assert len(await scene.journal()) == 2


async def test_a_no_is_shared_across_workers_and_counts_once_in_the_budgets(
    scene: Scene, callers: Sequence[Portal]
) -> None:
    await scene.fault("latency", delay_ms=1000, times=1)
    answers = await asyncio.gather(*(callers[number % 2].verify(claim=WRONG) for number in range(10)))

    assert len(await scene.journal()) == 1
    assert {(answer.status_code, answer.json()["verdict"]) for answer in answers} == {(201, "not_confirmed")}
    assert await rows(scene) == {"intended": 1, "answered not_confirmed": 10}
    assert (await callers[0].call("GET", "/me")).json()["budgets"]["account_hour"]["used"] == 1


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("reset", 503, "registry_unavailable"),
        ("garbled", 502, "registry_answer_invalid"),
    ],
)
async def test_a_failure_is_shared_across_workers_and_recorded_for_each(
    scene: Scene, callers: Sequence[Portal], fault: str, status: int, code: str
) -> None:
    await scene.fault(fault, delay_ms=1000)
    answers = await asyncio.gather(*(callers[number % 2].verify() for number in range(6)))

    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(status, code)}
    assert len(await scene.journal()) == 1
    assert await rows(scene) == {"intended": 1, f"answered {code}": 6}


async def test_a_refusal_is_shared_with_the_registrys_own_code(
    scene: Scene, callers: Sequence[Portal]
) -> None:
    await scene.fault("soap_fault", delay_ms=1000)
    answers = await asyncio.gather(*(callers[number % 2].verify() for number in range(4)))

    assert len(await scene.journal()) == 1
    assert len({(answer.json()["code"], answer.json().get("registry_code")) for answer in answers}) == 1


async def test_a_claim_with_an_earlier_no_is_asked_again(scene: Scene, callers: Sequence[Portal]) -> None:
    one, other = callers
    await one.verify(claim=WRONG)
    await other.verify(claim=WRONG)
    assert len(await scene.journal()) == 2


async def test_a_fresh_question_is_asked_though_another_worker_has_an_answer(
    scene: Scene, callers: Sequence[Portal]
) -> None:
    one, other = callers
    await one.verify()
    answer = await other.verify(fresh=True)
    assert (answer.status_code, len(await scene.journal())) == (201, 2)


async def test_the_next_worker_asks_the_question_of_a_dead_worker(
    scene: Scene, callers: Sequence[Portal]
) -> None:
    """The lease remains as the dead worker left it: no worker concluded it."""
    one, other = callers
    await one.verify(claim=WRONG)
    lease_ends_at = scene.clock.now() + timedelta(milliseconds=400)
    async with scene.gateway.deps.database.write() as connection:
        left = {"landed_at": None, "act": "act_dead", "verification": None, "lease_ends_at": lease_ends_at}
        await connection.execute(sa.update(leases).values(**left))
    answer = await other.verify(claim=WRONG)

    assert (answer.status_code, answer.json()["verdict"]) == (201, "not_confirmed")
    assert scene.clock.now() > lease_ends_at
    assert len(await scene.journal()) == 2


async def test_the_cleanup_deletes_the_rows_of_answered_questions(scene: Scene, portal: Portal) -> None:
    await portal.verify()
    database = scene.gateway.deps.database

    async def count() -> int:
        async with database.read() as connection:
            query = sa.select(sa.func.count()).select_from(leases)
            return int((await connection.execute(query)).scalar_one())

    await clean_up(scene.gateway.deps)
    assert await count() == 1
    scene.clock.advance(90)
    await clean_up(scene.gateway.deps)
    assert await count() == 0


async def test_two_workers_whose_enquiries_share_citizens_and_accounts_lose_no_answer(
    scene: Scene, callers: Sequence[Portal]
) -> None:
    other = replace(await scene.portal(), http=callers[1].http)
    portals = [callers[0], callers[1], other, replace(other, http=callers[0].http)]
    claims = [AN | {"full_name": f"Nguyễn Văn {name}"} for name in ("An", "Sai", "Nhầm")]
    answers = await asyncio.gather(
        *(
            portals[number % 4].verify(claim=claims[number % 3], dossier=f"HN-{number % 5}", fresh=True)
            for number in range(96)
        )
    )

    assert {answer.status_code for answer in answers} <= {200, 201}
    assert not scene.gateway.deps.database.outages.counts
    codes = {
        kind: {row.get("request_code") for row in await scene.audit() if row["kind"] == kind}
        for kind in ("intended", "answered")
    }
    assert codes["intended"]
    assert codes["intended"] <= codes["answered"]
