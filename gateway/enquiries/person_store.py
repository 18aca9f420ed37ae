"""Which numbers, as an organisation's pseudonyms, belong to one citizen (docs/decisions/0072); all their SQL.

A nine-digit number (`card`) and a twelve-digit number (`person`) are joined when a record has both. Two people may have
the same nine-digit number, and the registry may err, so a *holder* is stored: a keyed digest of number, name and birth year.
Budgets count all numbers that may be one person's; ledgers show only rows that certainly are. Only keyed pseudonyms are
stored. Callers that write have the locks of the numbers, or run alone.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from gateway.audit.state import State, row_digest, row_name
from gateway.enquiries.claim import ANY_HOLDER, CARD, Joined, Number, key_number
from gateway.enquiries.model import Verification
from gateway.enquiries.store import verifications
from gateway.identifiers import Profile
from gateway.keys.model import PlaceKeys, Purpose
from gateway.storage.database import metadata
from gateway.storage.driver import DriverTransaction, Reader
from gateway.storage.statements import HotStatement, is_one_of

MAX_HOLDINGS = 16
"""Limit of the rows of one number: a number with more holders (such as `000000000`) joins no others."""

holdings = sa.Table(
    "holdings",
    metadata,
    sa.Column("profile", sa.String(16), primary_key=True),
    sa.Column("organisation", sa.String(64), primary_key=True),
    sa.Column("card", sa.String(64), primary_key=True),
    sa.Column("card_holder", sa.String(64), primary_key=True),
    sa.Column("person", sa.String(64), primary_key=True),
    sa.Column("person_holder", sa.String(64), nullable=False),
    sa.Index(None, "profile", "organisation", "person"),
)

renamed_numbers = sa.Table(
    "renamed_numbers",
    metadata,
    sa.Column("profile", sa.String(16), primary_key=True),
    sa.Column("organisation", sa.String(64), primary_key=True),
    sa.Column("pseudonym", sa.String(64), primary_key=True),
    sa.Column("stable", sa.String(64), nullable=False),
    sa.Index(None, "profile", "organisation", "stable"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """The pseudonyms of one person's numbers.

    Every row under a number in `whole` is about the person; under one in `held` only rows with the holder given there.
    `by_number` has the pseudonyms in `held`, by the oldest one of their number.
    """

    whole: frozenset[str]
    held: Mapping[str, str]
    by_number: Mapping[str, frozenset[str]]

    @property
    def pseudonyms(self) -> frozenset[str]:
        """Return every pseudonym under which this person may have rows."""
        return self.whole | set(self.held)


def _in_any_organisation(table: sa.Table) -> sa.ColumnElement[bool]:
    return sa.and_(is_one_of(table.c.profile, "profiles"), is_one_of(table.c.organisation, "organisations"))


# Made once: to build a statement, and its key in SQLAlchemy's cache, costs more than to run it.
_NUMBER: sa.BindParameter[str] = sa.bindparam("number")
_OTHER_ROWS = holdings.alias("beside")
_ALIKE = HotStatement(
    sa.union(
        sa.select(holdings.c.profile, holdings.c.organisation, holdings.c.person, holdings.c.card).where(
            _in_any_organisation(holdings), is_one_of(holdings.c.person, "numbers")
        ),
        sa.select(holdings.c.profile, holdings.c.organisation, holdings.c.card, holdings.c.person).where(
            _in_any_organisation(holdings), is_one_of(holdings.c.card, "numbers")
        ),
        sa.select(holdings.c.profile, holdings.c.organisation, holdings.c.card, _OTHER_ROWS.c.card)
        .select_from(
            holdings.join(
                _OTHER_ROWS,
                sa.and_(
                    _OTHER_ROWS.c.profile == holdings.c.profile,
                    _OTHER_ROWS.c.organisation == holdings.c.organisation,
                    _OTHER_ROWS.c.person == holdings.c.person,
                ),
            )
        )
        .where(_in_any_organisation(holdings), is_one_of(holdings.c.card, "numbers")),
    )
)
_RENAMED = HotStatement(
    sa.select(
        renamed_numbers.c.profile,
        renamed_numbers.c.organisation,
        renamed_numbers.c.stable,
        renamed_numbers.c.pseudonym,
    ).where(_in_any_organisation(renamed_numbers), is_one_of(renamed_numbers.c.stable, "numbers"))
)
_ADD_RENAMED = HotStatement(sa.insert(renamed_numbers))
_HOLDINGS = HotStatement(
    sa.union(
        sa.select(holdings).where(_in_any_organisation(holdings), is_one_of(holdings.c.card, "numbers")),
        sa.select(holdings).where(_in_any_organisation(holdings), is_one_of(holdings.c.person, "numbers")),
    )
)
_ADD_HOLDING = HotStatement(sa.insert(holdings))
_OWN_PROFILE: sa.BindParameter[str] = sa.bindparam("profile")
_OWN_ORGANISATION: sa.BindParameter[str] = sa.bindparam("organisation")


def _in_organisation(table: sa.Table) -> sa.ColumnElement[bool]:
    return sa.and_(table.c.profile == _OWN_PROFILE, table.c.organisation == _OWN_ORGANISATION)


_HELD = HotStatement(
    sa.select(holdings.c.card, holdings.c.card_holder, holdings.c.person, holdings.c.person_holder).where(
        _in_organisation(holdings), sa.or_(holdings.c.card == _NUMBER, holdings.c.person == _NUMBER)
    )
)
_STABLE = HotStatement(
    sa.select(renamed_numbers.c.stable).where(
        _in_organisation(renamed_numbers), renamed_numbers.c.pseudonym == _NUMBER
    )
)
_CONFIRMED_CARD = HotStatement(
    sa.select(verifications.c.id)
    .where(
        _in_organisation(verifications),
        verifications.c.subject == _NUMBER,
        verifications.c.holder.like(sa.literal_column(f"'{CARD}%'")),
    )
    .limit(sa.literal_column("1"))
)
_HOLDER: sa.BindParameter[str] = sa.bindparam("holder")
_OTHER_HOLDER = HotStatement(
    # `<` and `>` instead of `!=`, which an index answers quickly even if this holder was confirmed often.
    sa.union_all(
        *(
            sa.select(verifications.c.id).where(
                _in_organisation(verifications), is_one_of(verifications.c.subject, "numbers"), other
            )
            for other in (verifications.c.holder < _HOLDER, verifications.c.holder > _HOLDER)
        )
    ).limit(sa.literal_column("1"))
)


async def _list_held(
    reader: Reader, profile: Profile, organisation: str, number: str, holder: str | None
) -> dict[str, str]:
    """Return each number of one person with its holder: the given one, and all that records join to it."""
    found: dict[str, str] = {}
    beyond = [] if holder is None else [(number, holder)]
    while beyond and len(found) < MAX_HOLDINGS:
        number, holder = beyond.pop()
        if number in found:
            continue
        found[number] = holder
        rows = await reader.fetch(_HELD, _members(profile, organisation, number=number))
        for card, card_holder, person, person_holder in rows:
            if (number, holder) == (card, card_holder):
                beyond.append((person, person_holder))
            if number == person and holder in {person_holder, ANY_HOLDER}:
                beyond.append((card, card_holder))
    return found


async def list_sole(reader: Reader, profile: Profile, organisation: str, person: "Person") -> frozenset[str]:
    """Return the pseudonyms of a person's numbers for which no record and no confirmed claim shows another holder."""
    sole: set[str] = set()
    for stable, names in person.by_number.items():
        holder = person.held[stable]
        rows = await reader.fetch(_HELD, _members(profile, organisation, number=stable))
        if any(holder != (row[1] if row[0] == stable else row[3]) for row in rows):
            continue
        members = _members(profile, organisation, numbers=names, holder=holder)
        if not await reader.fetch(_OTHER_HOLDER, members):
            sole |= names
    return frozenset(sole)


def _members(profile: Profile, organisation: str, **members: object) -> dict[str, object]:
    return {"profile": profile.value, "organisation": organisation} | members


_MemberKey = tuple[str, str, str]
"""Profile, organisation and a pseudonym."""


async def list_alike(reader: Reader, numbers: Sequence[Number]) -> list[frozenset[str]]:
    """Return for each number all pseudonyms whose wrong claims count together: those of every known holder of it."""
    joined = await _find_numbers(reader, _ALIKE, numbers, {number.stable for number in numbers})
    alike = [joined[_member_key(number, number.stable)] | set(number.pseudonyms) for number in numbers]
    if all(len(number.pseudonyms) == 1 for number in numbers):
        return [frozenset(found) for found in alike]
    renamed = await _find_numbers(reader, _RENAMED, numbers, {name for found in alike for name in found})
    for number in numbers:  # also of those that this group's commit stores first
        renamed[_member_key(number, number.stable)].update(number.pseudonyms)
    return [
        frozenset(found.union(*(renamed[_member_key(number, name)] for name in found)))
        for number, found in zip(numbers, alike, strict=True)
    ]


async def _find_numbers(
    reader: Reader, statement: HotStatement, numbers: Sequence[Number], wanted: Collection[str]
) -> defaultdict[_MemberKey, set[str]]:
    """Return the pseudonyms that a statement finds for each of these, by profile, organisation and pseudonym."""
    found: defaultdict[_MemberKey, set[str]] = defaultdict(set)
    rows = await reader.fetch(statement, _in_organisations(numbers, wanted))
    for profile, organisation, of, pseudonym in rows:
        found[profile, organisation, of].add(pseudonym)
    return found


def _in_organisations(numbers: Sequence[Number], wanted: Collection[str]) -> dict[str, Collection[str]]:
    return {
        "profiles": {number.profile.value for number in numbers},
        "organisations": {number.organisation for number in numbers},
        "numbers": wanted,
    }


def _member_key(number: Number, pseudonym: str) -> _MemberKey:
    return number.profile.value, number.organisation, pseudonym


async def note_numbers(transaction: DriverTransaction, numbers: Sequence[Number]) -> list[State]:
    """Store that the pseudonyms of each number are of one number; return what each changed, for its evidence."""
    states: list[State] = [{} for _ in numbers]
    renamed = [number for number in numbers if len(number.pseudonyms) > 1]
    if not renamed:
        return states
    known = await _find_numbers(transaction, _RENAMED, renamed, {number.stable for number in renamed})
    rows = []
    for place, number in enumerate(numbers):
        noted = known[_member_key(number, number.stable)]
        for pseudonym in number.pseudonyms[:-1]:
            if pseudonym in noted:
                continue
            noted.add(pseudonym)
            row = (number.profile.value, number.organisation, pseudonym, number.stable)
            rows.append(dict(zip(renamed_numbers.columns.keys(), row, strict=True)))
            name = row_name("renamed_numbers", row[:3])
            states[place] = {**states[place], name: (None, row_digest("renamed_numbers", rows[-1]))}
    await transaction.run(_ADD_RENAMED, rows)
    return states


async def find_person(reader: Reader, keys: PlaceKeys, verification: Verification) -> Person:
    """Return the numbers that certainly belong to the person of a verification."""
    profile, organisation, stable = verification.profile, verification.organisation, verification.subject
    if _has_rotated(keys):
        rows = await reader.fetch(_STABLE, _members(profile, organisation, number=stable))
        stable = rows[0][0] if rows else stable
    holder = verification.holder
    if holder is None and await reader.fetch(
        _CONFIRMED_CARD, _members(profile, organisation, number=verification.subject)
    ):
        holder = CARD  # stored before holders were: only the verification's own claim is certain
    held = await _list_held(reader, profile, organisation, stable, holder)
    whole = frozenset() if (holder or "").startswith(CARD) else frozenset({stable})
    return await _name(reader, keys, organisation, whole, held)


async def find_person_of(reader: Reader, keys: PlaceKeys, organisation: str, number: str) -> Person:
    """Return the numbers that certainly belong to the person with a twelve-digit number."""
    stable = key_number(keys, organisation, number).stable
    held = await _list_held(reader, keys.profile, organisation, stable, ANY_HOLDER)
    return await _name(reader, keys, organisation, frozenset({stable}), held)


def _has_rotated(keys: PlaceKeys) -> bool:
    """Return whether a number may have several pseudonyms."""
    return len(keys.all(Purpose.PSEUDONYM)) > 1


async def _name(
    reader: Reader, keys: PlaceKeys, organisation: str, whole: frozenset[str], held: Mapping[str, str]
) -> Person:
    """Return a person with all pseudonyms of the numbers, which are given by their oldest ones."""
    names = {number: {number} for number in {*held, *whole}}
    if _has_rotated(keys):
        members = {"profiles": [keys.profile.value], "organisations": [organisation], "numbers": names}
        for _, _, stable, pseudonym in await reader.fetch(_RENAMED, members):
            names[stable].add(pseudonym)
    by_number = {number: frozenset(names[number]) for number in held if number not in whole}
    return Person(
        whole=frozenset(name for number in whole for name in names[number]),
        held={name: held[number] for number, found in by_number.items() for name in found},
        by_number=by_number,
    )


async def note_joined(transaction: DriverTransaction, joined: Sequence[Joined]) -> list[State]:
    """Store that two numbers belong to one person, unless it is stored or one of them has too many holders.

    Returns what each changed, for its evidence. The caller has the locks of all these numbers, or runs alone.
    """
    if not joined:
        return []
    numbers = [number for each in joined for number in (each.card, each.person)]
    noted = iter(await note_numbers(transaction, numbers))
    members = _in_organisations(numbers, {number.stable for number in numbers})
    known = {tuple(row) for row in await transaction.fetch(_HOLDINGS, members)}
    states: list[State] = []
    rows = []
    for each in joined:
        state = {**next(noted), **next(noted)}
        where = (each.card.profile.value, each.card.organisation)
        row = (*where, each.card.stable, each.card_holder, each.person.stable, each.person_holder)
        counts = Counter((*other[:2], number) for other in known for number in (other[2], other[4]))
        if row not in known and max(counts[*where, row[2]], counts[*where, row[4]]) < MAX_HOLDINGS:
            known.add(row)
            rows.append(dict(zip(holdings.columns.keys(), row, strict=True)))
            state[row_name("holdings", row[:5])] = (None, row_digest("holdings", rows[-1]))
        states.append(state)
    await transaction.run(_ADD_HOLDING, rows)
    return states
