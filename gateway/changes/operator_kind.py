"""The kind of change that admits an operator, or gives one another role."""

from collections.abc import Mapping

from gateway.changes.kind import KindOfChange, PreflightOptions, one_check
from gateway.changes.model import Change, DiffLine, compare
from gateway.changes.requests import ProposalBody
from gateway.errors.operators import StateWrong
from gateway.errors.requests import RequestInvalid
from gateway.identifiers import OperatorName
from gateway.operators.model import Operator, OperatorState, Role, parse_name
from gateway.operators.store import find_record
from gateway.operators.use_cases import admit_operator, change_role, require_another_admin
from gateway.preflight.report import Preflight
from gateway.profiles.model import Gateway
from gateway.storage.database import Transaction


class ChangeOperator(KindOfChange):
    """A new operator, or another role of one."""

    async def draft(self, _transaction: Transaction, _gateway: Gateway, body: ProposalBody) -> dict[str, str]:
        """Return the document of an operator's name and role. Raises `RequestInvalid` for a malformed name."""
        try:
            return {"name": parse_name(body.name or ""), "role": Role(body.role or "").value}
        except ValueError as error:
            raise RequestInvalid.of("name", str(error)) from None

    async def diff(self, transaction: Transaction, _gateway: Gateway, change: Change) -> tuple[DiffLine, ...]:
        """Return the former and the new role; no lines if the active operator has the role."""
        name = _name(change)
        record = await find_record(transaction, name)
        active = record is not None and record.operator.state is OperatorState.ACTIVE
        before = record.operator.role.value if record is not None and active else None
        return compare({f"operator.{name}": before}, {f"operator.{name}": change.document["role"]})

    async def check(self, gateway: Gateway, change: Change, _options: PreflightOptions) -> Preflight:
        """Check that an active admin remains."""
        title = "Tên và vai trò hợp lệ"
        async with gateway.deps.database.read() as transaction:
            record = await find_record(transaction, _name(change))
            try:
                if record is not None:
                    await require_another_admin(transaction, record)
            except StateWrong as error:
                remedy = "gateway operators propose NAME --role admin"
                return one_check("operator", error.reason, title, passed=False, remedy=remedy)
        return one_check("operator", "name and role are well formed", title)

    async def apply(
        self, transaction: Transaction, gateway: Gateway, change: Change, by: Operator
    ) -> Mapping[str, str]:
        """Invite the operator, whose one-time code is shown only now; or give an active one the role."""
        name, role = _name(change), Role(change.document["role"])
        record = await find_record(transaction, name)
        if record is not None and record.operator.state is OperatorState.ACTIVE:
            await change_role(transaction, name, role, at=gateway.deps.clock.now())
            return {}
        code = await admit_operator(transaction, gateway, name, role, by=by.name, change=change.id)
        return {"one_time_code": code}


def _name(change: Change) -> OperatorName:
    return OperatorName(change.document["name"])
