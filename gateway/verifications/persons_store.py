"""Who holds which number, at rest: keyed pseudonyms alone. Callers write inside a commit of the audit, one at a time.

`card` is the pseudonym of a nine-digit number, `person` that of a twelve-digit one, empty while no record showed one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.database import metadata
from gateway.places import Profile

MOST = 16
"""Rows that one number may have: one that more people seem to hold (`000000000`) joins nobody."""

holdings = sa.Table(
    "holdings",
    metadata,
    sa.Column("profile", sa.String(16), primary_key=True),
    sa.Column("organisation", sa.String(64), primary_key=True),
    sa.Column("card", sa.String(64), primary_key=True),
    sa.Column("holder", sa.String(64), primary_key=True),
    sa.Column("person", sa.String(64), primary_key=True),
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
    """That a holder, a keyed identity, has a nine-digit number, and which twelve-digit one with it."""

    profile: Profile
    organisation: str
    card: str
    holder: str
    person: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """What is one person's: twelve-digit `numbers`; `cards`, as far as `holders` says; of these, `sole` nobody else has."""

    numbers: frozenset[str]
    cards: frozenset[str]
    sole: frozenset[str]
    holders: frozenset[str]

    @property
    def pseudonyms(self) -> frozenset[str]:
        """Return every pseudonym under which something of this person may stand."""
        return self.numbers | self.cards


def _in_place(table: sa.Table) -> sa.ColumnElement[bool]:
    profile: sa.BindParameter[str] = sa.bindparam("in_profile")
    organisation: sa.BindParameter[str] = sa.bindparam("in_organisation")
    return sa.and_(table.c.profile == profile, table.c.organisation == organisation)


# Made once: to build a statement, and its key in SQLAlchemy's cache, costs more than to run it.
_NUMBER: sa.BindParameter[str] = sa.bindparam("number")
_BESIDE = holdings.alias("beside")
_JOINED = sa.union(
    sa.select(holdings.c.card.label("number")).where(_in_place(holdings), holdings.c.person == _NUMBER),
    sa.select(holdings.c.person).where(
        _in_place(holdings), holdings.c.card == _NUMBER, holdings.c.person != ""
    ),
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
    .where(_in_place(holdings), holdings.c.card == _NUMBER, holdings.c.person != ""),
)
_OF_CARD = sa.select(holdings.c.holder, holdings.c.person).where(
    _in_place(holdings), holdings.c.card == _NUMBER
)
_OF_PERSON = sa.select(holdings.c.card, holdings.c.holder).where(
    _in_place(holdings), holdings.c.person == _NUMBER
)
_OF_CARDS = sa.select(holdings.c.card, holdings.c.holder).where(
    _in_place(holdings), holdings.c.card.in_(sa.bindparam("cards", expanding=True))
)


async def list_joined(
    connection: AsyncConnection, profile: Profile, organisation: str, number: str
) -> frozenset[str]:
    """Return the numbers of every person known to have this one, itself left out where nobody is."""
    found = await connection.execute(_JOINED, _members(profile, organisation, number=number))
    return frozenset(found.scalars())


async def find_person(
    connection: AsyncConnection, profile: Profile, organisation: str, number: str, holder: str | None
) -> Person:
    """Return what is surely the person's who was found by `number`: by twelve digits, or by nine and as `holder`."""
    rows = (await connection.execute(_OF_CARD, _members(profile, organisation, number=number))).all()
    persons = {row.person for row in rows if row.holder == holder and row.person}
    is_card = holder is not None or bool(rows)
    # A holder that was shown with two twelve-digit numbers is nobody's surely: then only the number at hand counts.
    person = persons.pop() if len(persons) == 1 else None if is_card else number
    cards, holders = ({number}, {holder} - {None}) if is_card else (set(), set())
    if person is not None:
        held = await connection.execute(_OF_PERSON, _members(profile, organisation, number=person))
        for row in held:
            cards.add(row.card)
            holders.add(row.holder)
    known = frozenset(each for each in holders if each is not None)
    return Person(
        numbers=frozenset() if person is None else frozenset({person}),
        cards=frozenset(cards),
        sole=await _list_sole(connection, profile, organisation, cards, known),
        holders=known,
    )


async def _list_sole(
    connection: AsyncConnection,
    profile: Profile,
    organisation: str,
    cards: Iterable[str],
    holders: frozenset[str],
) -> frozenset[str]:
    """Return those of the cards that nobody but these holders is known to have."""
    asked = sorted(cards)
    rows = await connection.execute(_OF_CARDS, _members(profile, organisation, cards=asked)) if asked else ()
    shared = {row.card for row in rows if row.holder not in holders}
    return frozenset(asked) - shared


async def put_holding(connection: AsyncConnection, holding: Holding) -> None:
    """Keep a holding that is new, unless one of its numbers has too many already."""
    members = asdict(holding) | {"profile": holding.profile.value}
    same = sa.select(holdings.c.card).where(*(holdings.c[name] == value for name, value in members.items()))
    if (await connection.execute(same)).first() is not None:
        return
    for name in ("card", "person"):
        if members[name] and await _count(connection, members, name) >= MOST:
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
