"""The change that makes an operator, or gives one another role, where an official connection exists."""

from collections.abc import Mapping

from gateway.changes.checks import one_check
from gateway.changes.model import Change, DiffLine, compare
from gateway.changes.trial import Trial
from gateway.database import Transaction
from gateway.errors.commands import StateWrong
from gateway.identifiers import OperatorName
from gateway.operators.model import Operator, OperatorState, Role
from gateway.operators.store import find_record
from gateway.operators.use_cases import admit_operator, change_role, spare_the_last_admin
from gateway.profiles.model import Gateway
from gateway.profiles.preflight import Preflight


def draft_operator(name: OperatorName, role: Role) -> dict[str, str]:
    """Return the document of an operator who may be proposed."""
    return {"name": name, "role": role.value}


async def diff(transaction: Transaction, gateway: Gateway, change: Change) -> tuple[DiffLine, ...]:
    """Say which role becomes which; nothing where an active operator has it."""
    del gateway
    record = await find_record(transaction, _name(change))
    active = record is not None and record.operator.state is OperatorState.ACTIVE
    before = record.operator.role.value if record is not None and active else None
    member = f"operator.{_name(change)}"
    return compare({member: before}, {member: change.document["role"]})


async def check(gateway: Gateway, change: Change, trial: Trial) -> Preflight:
    """Say whether an admin is left; nothing outside hangs on it."""
    del trial
    title = "Tên và vai trò hợp lệ"
    async with gateway.parts.database.read() as transaction:
        record = await find_record(transaction, _name(change))
        try:
            if record is not None:
                await spare_the_last_admin(transaction, record)
        except StateWrong as error:
            remedy = "gateway operators propose NAME --role admin"
            return one_check("operator", error.reason, title, passed=False, remedy=remedy)
    return one_check("operator", "name and role are well formed", title)


async def happen(
    transaction: Transaction, gateway: Gateway, change: Change, by: Operator
) -> Mapping[str, str]:
    """Invite the operator, whose one-time code is shown this once; or give an active one the role."""
    name, role = _name(change), Role(change.document["role"])
    record = await find_record(transaction, name)
    if record is not None and record.operator.state is OperatorState.ACTIVE:
        await change_role(transaction, name, role, at=gateway.parts.clock.now())
        return {}
    code = await admit_operator(transaction, gateway, name, role, by=by.name, change=change.id)
    return {"one_time_code": code}


def _name(change: Change) -> OperatorName:
    return OperatorName(change.document["name"])
