"""Make an application: gather, check, sign; a whole one is kept by its hash, in one commit with its audit row."""

from collections.abc import Sequence

from gateway.applications import store
from gateway.applications.completeness import find_missing
from gateway.applications.document import Dossier, bundle_hash, sign_document, write_document
from gateway.applications.model import Application, Bundle, Statement, Wanted
from gateway.applications.page import write_page
from gateway.applications.readiness import Trying, gather_evidence
from gateway.applications.wanted import find_wanted
from gateway.audit.model import AuditEntry, Kind
from gateway.database import Transaction
from gateway.identifiers import new_identifier
from gateway.places import Profile
from gateway.profiles.model import Gateway
from gateway.profiles.preflight import FIRST_PROCEDURE
from gateway.registry.connection import Dialect
from gateway.registry.probe_model import WayOut


async def make_application(
    gateway: Gateway,
    stated: Statement,
    *,
    by: str,
    organisation: str | None = None,
    way_out: WayOut | None = None,
) -> Bundle:
    """Return the bundle, a draft where something is missing; only one that lacks nothing is kept, by its hash.

    `by` is an operator's name, or `local`. Without `way_out` no preflight of the sandbox is run, and it is missing.

    Raises:
        Unknown: no such organisation, or several have accounts and none is named.
    """
    async with gateway.parts.database.read() as transaction:
        wanted = await find_wanted(transaction, gateway, organisation)
    act = new_identifier("act")
    evidence = await gather_evidence(gateway, _trying(wanted, way_out, act=act, actor=by))
    missing = find_missing(stated, wanted, evidence)
    official = gateway.places[Profile.OFFICIAL]
    dossier = Dossier(
        stated=stated,
        wanted=wanted,
        evidence=evidence,
        made_at=gateway.parts.clock.now(),
        draft=bool(missing),
        issuer=official.issuer,
        dialect=_dialect(gateway).value,
    )
    text = sign_document(write_document(dossier, official.keys), official.keys)
    sha256 = bundle_hash(text)
    if not missing:
        application = Application(
            sha256=sha256,
            made_at=dossier.made_at,
            made_by=by,
            procedures=_slugs(wanted),
            operations=tuple(wanted.operations),
            rate_per_second=stated.rate_per_second,
            rate_per_day=stated.rate_per_day,
        )
        await _keep(gateway, application, act=act)
    page = write_page(dossier, official.keys, sha256=sha256)
    return Bundle(text=text, page=page, sha256=sha256, draft=dossier.draft, missing=missing)


def _trying(wanted: Wanted, way_out: WayOut | None, *, act: str, actor: str) -> Trying | None:
    """Return how the sandbox is tried: with one procedure, and the operations, that are wanted of official."""
    if way_out is None or not wanted.procedures:
        return None
    return Trying(
        way_out=way_out,
        act=act,
        actor=actor,
        procedure=_slugs(wanted)[0],
        operations=tuple(wanted.operations),
    )


def _dialect(gateway: Gateway) -> Dialect:
    revision = gateway.places[Profile.SANDBOX].revision
    return Dialect.SOAP if revision is None else revision.members.dialect


def _slugs(wanted: Wanted) -> tuple[str, ...]:
    """Return the procedures, the one whose code is known before the others: a preflight asks under the first."""
    found = [each.procedure.slug for each in wanted.procedures]
    return tuple(sorted(found, key=lambda slug: slug != FIRST_PROCEDURE))


async def _keep(gateway: Gateway, application: Application, *, act: str) -> None:
    async def decide(transaction: Transaction) -> Sequence[AuditEntry]:
        await store.insert_application(transaction, application)
        entry = AuditEntry(
            at=application.made_at,
            kind=Kind.LOCAL,
            profile=Profile.OFFICIAL,
            act=act,
            outcome=f"application_made:{application.sha256}",
            actor=application.made_by,
        )
        return (entry,)

    await gateway.parts.audit.commit(decide)
