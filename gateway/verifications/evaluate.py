"""What would be refused? A portal asks before it asks the citizen anything: no claim, no question, no row of a person.

Judges scopes and grants only. What means nothing (an unknown procedure, role or field) is refused as elsewhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.errors import FieldError
from gateway.oauth.model import Caller
from gateway.parts import Parts
from gateway.procedures.fields import Operation
from gateway.verifications.guards import find_act, list_refusals, needed_operations


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What a prefill of these fields would be refused for, else the registry's operations that it would take."""

    refusals: Sequence[FieldError]
    operations: Sequence[Operation]


def evaluate(
    parts: Parts, caller: Caller, *, procedure: str, subject_role: str, fields: Sequence[str]
) -> Evaluation:
    """Return whether the caller may have these fields in this procedure and role.

    Raises:
        ProcedureUnknown, SubjectRoleUnknown, FieldUnknown, FieldNotInProcedure
    """
    found, role = find_act(parts, procedure, subject_role, fields)
    refusals = list_refusals(caller, found, role, fields)
    # A refused request asks nothing, so nothing is promised here either.
    return Evaluation(refusals=refusals, operations=() if refusals else needed_operations(role, fields))
