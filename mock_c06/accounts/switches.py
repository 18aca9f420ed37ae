"""Switches: where C06's behaviour is guessed, or was seen in several forms, a switch selects the other form.

The parity ledger (mock_c06/parity/ledger.toml) says what each one means, where it was seen and which test shows it.
False is the mock's usual form. A switch is set for an account, for a run (over its accounts), or for all accounts at
the start.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from mock_c06.errors import SwitchUnknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Switches:
    """All switches; `flip` returns changed ones."""

    # How a call is judged.
    seconds: bool = False
    strict_order: bool = False
    require_agency: bool = False
    hyphens_only: bool = False
    exact_names: bool = False
    one_record_code: bool = False
    checks_no_licence: bool = False
    year_matches_date: bool = False
    nine_digits_alone: bool = False
    confirms_dead: bool = False
    stored_answer: bool = False
    # How an answer is written.
    exists_verdict: bool = False
    text_verdict: bool = False
    json_envelope: bool = False
    people_as_list: bool = False
    split_name: bool = False
    structured_relatives: bool = False
    absent_elements: bool = False
    unpadded_codes: bool = False
    hyphen_dates: bool = False
    bare_collection: bool = False
    no_life_status: bool = False
    wrapped_members: bool = False
    relation_names_head: bool = False
    empty_person: bool = False
    empty_body: bool = False
    # How a call is refused.
    other_refusal_status: bool = False
    inactive_as_401: bool = False
    throttled_as_503: bool = False


NAMES = tuple(Switches.__dataclass_fields__)
AS_BUILT = Switches()


def flip(switches: Switches, changes: Mapping[str, bool]) -> Switches:
    """Return the switches with some of them set; raises `SwitchUnknown` for the first unknown name."""
    for name in changes:
        if name not in Switches.__dataclass_fields__:
            raise SwitchUnknown(name)
    return replace(switches, **changes) if changes else switches


def flipped(switches: Switches) -> tuple[str, ...]:
    """Return the names of those that are on."""
    return tuple(name for name in NAMES if getattr(switches, name))


def parse_switches(written: Iterable[str]) -> Switches:
    """Read `NAME`, `NAME=true` or `NAME=false`; raises `SwitchUnknown`."""
    changes: dict[str, bool] = {}
    for each in written:
        name, _, value = each.partition("=")
        if value not in {"", "true", "false"}:
            raise SwitchUnknown(name, "is true or false")
        changes[name] = value != "false"
    return flip(AS_BUILT, changes)
