"""Values of which each call makes a dozen: frozen for the type checker, not at run time (decision 0059).

A value that is frozen at run time costs two to three times as much to make, a sixth of a yes/no question's time.
"""

from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
def unfrozen(cls: type[T]) -> type[T]:
    """Make a dataclass with slots and keywords; mypy refuses to set its members, Python does not."""
    return dataclass(slots=True, kw_only=True, unsafe_hash=True)(cls)
