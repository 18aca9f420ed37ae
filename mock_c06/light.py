"""Light values, of which each call makes a dozen: frozen to the type checker, not at run time (decision 0059).

Freezing at run time makes a value two to three times as dear to build, and a sixth of a yes/no question went into it.
"""

from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
def light_value(cls: type[T]) -> type[T]:
    """Make a dataclass of slots and keywords whose members nobody may set: mypy says so, Python doesn't."""
    return dataclass(slots=True, kw_only=True, unsafe_hash=True)(cls)
