"""Who holds which number, at rest: keyed pseudonyms alone. Callers write inside a commit of the audit, one at a time.

`card` is the pseudonym of a nine-digit number, `person` that of a twelve-digit one.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.database import metadata
from gateway.places import Profile
from gateway.verifications.store import verifications

MOST = 16
"""Rows that one number may have: one that more people seem to hold (`000000000`) joins nobody."""

CARD, TWELVE = "9-", "12-"
"""How a holder begins: of a nine-digit number, of a twelve-digit one."""

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
class Holding:
    """That a record showed two numbers of one person: each by pseudonym, and the person as its holder."""

    profile: Profile
    organisation: str
    card: str
    card_holder: str
    person: str
    person_holder: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """What is one person's, by pseudonyms of numbers: all of `whole`, and of `held` what has the holder named there.

    Of what is held, nobody else is known to have `sole`.
    """

    whole: frozenset[str]
    held: Mapping[str, str]
    sole: frozenset[str]

    @property
    def pseudonyms(self) -> frozenset[str]:
        """Return every pseudonym under which something of this person may stand."""
        return self.whole | set(self.held)


def _in_place(table: sa.Table) -> sa.ColumnElement[bool]:
    profile: sa.BindParameter[str] = sa.bindparam("in_profile")
    organisation: sa.BindParameter[str] = sa.bindparam("in_organisation")
    return sa.and_(table.c.profile == profile, table.c.organisation == organisation)


# Made once: to build a statement, and its key in SQLAlchemy's cache, costs more than to run it.
_NUMBER: sa.BindParameter[str] = sa.bindparam("number")
_BESIDE = holdings.alias("beside")
_JOINED = sa.union(
    sa.select(holdings.c.card.label("number")).where(_in_place(holdings), holdings.c.person == _NUMBER),
    sa.select(holdings.c.person).where(_in_place(holdings), holdings.c.card == _NUMBER),
    sa.select(_BESIDE.c.card)
    .select_from(
        holdings.join(
            _BESIDE,
            sa.and_(
                _BESIDE.c.profile == holdings.c.profile,
                _BESIDE.c.organisation == holdings.c.organisation,
                _BESIDE.c.person == holdings.c.person,
            ),
        )
    )
    .where(_in_place(holdings), holdings.c.card == _NUMBER),
)
_HELD = sa.select(holdings.c.card, holdings.c.card_holder, holdings.c.person, holdings.c.person_holder).where(
    _in_place(holdings),
    sa.or_(holdings.c.card == _NUMBER, holdings.c.person == _NUMBER),
)


async def list_joined(
    connection: AsyncConnection, profile: Profile, organisation: str, number: str
) -> frozenset[str]:
    """Return the numbers of every person known to have this one, itself left out where nobody is."""
    found = await connection.execute(_JOINED, _members(profile, organisation, number=number))
    return frozenset(found.scalars())


async def list_held(
    connection: AsyncConnection, profile: Profile, organisation: str, number: str, holder: str | None
) -> dict[str, str]:
    """Return, by number, the holder that one person is there: this one of `number`, and all that records joined to it."""
    found: dict[str, str] = {}
    beyond = [] if holder is None else [(number, holder)]
    while beyond and len(found) < MOST:
        number, holder = beyond.pop()
        if number in found:
            continue
        found[number] = holder
        for row in await connection.execute(_HELD, _members(profile, organisation, number=number)):
            if (number, holder) == (row.card, row.card_holder):
                beyond.append((row.person, row.person_holder))
            if (number, holder) == (row.person, row.person_holder):
                beyond.append((row.card, row.card_holder))
    return found


async def is_card(connection: AsyncConnection, profile: Profile, organisation: str, pseudonym: str) -> bool:
    """Say whether a number was confirmed as one of nine digits."""
    query = sa.select(verifications.c.id).where(
        verifications.c.profile == profile.value,
        verifications.c.organisation == organisation,
        verifications.c.subject == pseudonym,
        verifications.c.holder.startswith(CARD),
    )
    return (await connection.execute(query.limit(1))).first() is not None


async def is_sole(
    connection: AsyncConnection,
    profile: Profile,
    organisation: str,
    pseudonyms: Iterable[str],
    holder: str,
    *,
    stable: str,
) -> bool:
    """Say whether nobody but this holder is known to have a number: no record, no confirmed claim shows another."""
    for row in await connection.execute(_HELD, _members(profile, organisation, number=stable)):
        if holder != (row.card_holder if row.card == stable else row.person_holder):
            return False
    # Below and above, not "another": an index answers that at once, however often this holder was confirmed.
    for column in (verifications.c.holder < holder, verifications.c.holder > holder):
        query = sa.select(verifications.c.id).where(
            verifications.c.profile == profile.value,
            verifications.c.organisation == organisation,
            verifications.c.subject.in_(frozenset(pseudonyms)),
            column,
        )
        if (await connection.execute(query.limit(1))).first() is not None:
            return False
    return True


def is_about(person: Person) -> sa.ColumnElement[bool]:
    """Return the condition that a verification is surely about this person."""
    return sa.or_(
        verifications.c.subject.in_(person.whole),
        # A holder is of one number: that both are the person's means that they go together.
        sa.and_(
            verifications.c.subject.in_(frozenset(person.held)),
            verifications.c.holder.in_(frozenset(person.held.values())),
        ),
    )


async def put_holding(connection: AsyncConnection, holding: Holding) -> None:
    """Keep a holding that is new, unless one of its numbers has too many already."""
    members = asdict(holding) | {"profile": holding.profile.value}
    same = sa.select(holdings.c.card).where(*(holdings.c[name] == value for name, value in members.items()))
    if (await connection.execute(same)).first() is not None:
        return
    for name in ("card", "person"):
        if await _count(connection, members, name) >= MOST:
            return
    await connection.execute(sa.insert(holdings).values(members))


async def _count(connection: AsyncConnection, members: dict[str, str], name: str) -> int:
    query = sa.select(sa.func.count()).where(
        *(holdings.c[each] == members[each] for each in ("profile", "organisation", name))
    )
    return int((await connection.execute(query)).scalar_one())


async def put_renamed(
    connection: AsyncConnection,
    profile: Profile,
    organisation: str,
    pseudonyms: Sequence[str],
    *,
    stable: str,
) -> None:
    """Keep that these pseudonyms, made under later keys, are the number whose oldest one is `stable`."""
    here = {"profile": profile.value, "organisation": organisation}
    query = sa.select(renamed_numbers.c.pseudonym).where(
        *(renamed_numbers.c[name] == value for name, value in here.items()),
        renamed_numbers.c.pseudonym.in_(pseudonyms),
    )
    known = set((await connection.execute(query)).scalars())
    rows = [here | {"pseudonym": each, "stable": stable} for each in pseudonyms if each not in known]
    if rows:
        await connection.execute(sa.insert(renamed_numbers), rows)


async def find_stable(
    connection: AsyncConnection, profile: Profile, organisation: str, pseudonym: str
) -> str:
    """Return the oldest pseudonym of the number that one stands for: itself where nothing else is known."""
    query = sa.select(renamed_numbers.c.stable).where(
        renamed_numbers.c.profile == profile.value,
        renamed_numbers.c.organisation == organisation,
        renamed_numbers.c.pseudonym == pseudonym,
    )
    return str((await connection.execute(query)).scalar_one_or_none() or pseudonym)


async def list_renamed(
    connection: AsyncConnection, profile: Profile, organisation: str, stable: Iterable[str]
) -> frozenset[str]:
    """Return numbers, named by their oldest pseudonyms, with all their later ones."""
    found = frozenset(stable)
    query = sa.select(renamed_numbers.c.pseudonym).where(
        renamed_numbers.c.profile == profile.value,
        renamed_numbers.c.organisation == organisation,
        renamed_numbers.c.stable.in_(found),
    )
    return found | set((await connection.execute(query)).scalars()) if found else found


def _members(profile: Profile, organisation: str, **members: object) -> dict[str, object]:
    return {"in_profile": profile.value, "in_organisation": organisation} | members
