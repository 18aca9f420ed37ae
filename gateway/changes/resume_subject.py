"""The change that ends a profile's suspension: the active revision must do well in a fresh preflight."""

from collections.abc import Mapping

from gateway.changes.checks import one_check
from gateway.changes.model import Change, DiffLine
from gateway.changes.revision_subject import try_revision
from gateway.changes.trial import Trial
from gateway.clock import rfc3339
from gateway.database import Transaction
from gateway.operators.model import Operator
from gateway.profiles import store
from gateway.profiles.model import Gateway
from gateway.profiles.preflight import Preflight
from gateway.profiles.switching import resume


async def diff(transaction: Transaction, gateway: Gateway, change: Change) -> tuple[DiffLine, ...]:
    """Say since when the profile is suspended, and why; nothing where it isn't."""
    del gateway
    standing = await store.read_standing(transaction, change.place)
    suspension = standing.suspension
    if suspension is None:
        return ()
    before = {"at": rfc3339(suspension.at), "reason": suspension.reason}
    return (
        DiffLine(member="suspended", before=before, after=None),
        DiffLine(member="revision", before=standing.active, after=standing.active),
    )


async def check(gateway: Gateway, change: Change, trial: Trial) -> Preflight:
    """Try the active revision."""
    profile = change.place
    revision = gateway.places[profile].revision
    if revision is None:
        return one_check(
            "active_revision",
            "no revision is active, or its secrets don't open here",
            "Phiên bản kết nối đang dùng",
            passed=False,
            remedy="propose a revision: gateway profiles propose",
        )
    return await try_revision(gateway, change, revision, trial)


async def happen(
    transaction: Transaction, gateway: Gateway, change: Change, by: Operator
) -> Mapping[str, str]:
    """End the suspension. Raises `StateWrong` where there is none."""
    del gateway, by
    await resume(transaction, change.place)
    return {}
