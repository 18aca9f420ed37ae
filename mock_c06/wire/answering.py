"""The registry's core: who is meant, and what this account may be told about them. Both faces ask it.

An unknown number, a wrong name, a deceased and a cancelled person all come out as the same empty answer to a
yes/no question; a record is told of the deceased and the cancelled too, with their status.
"""

from datetime import datetime

from mock_c06.desk.accounts import Account
from mock_c06.light import light_value
from mock_c06.matching.match import matches
from mock_c06.operations import Operation
from mock_c06.population.model import LifeStatus, Person
from mock_c06.runs.world import HEAD_OF_HOUSEHOLD, World
from mock_c06.wire.enquiry import Enquiry
from mock_c06.wire.record import Teller, Tree, nobody_as_person

_NEVER_CONFIRMED = {LifeStatus.DECEASED, LifeStatus.CANCELLED}


@light_value
class Answer:
    """What is said: how many people, and their records where the operation brings any."""

    operation: Operation
    count: int
    records: tuple[Tree, ...] = ()
    as_of: datetime


def answer_enquiry(enquiry: Enquiry, account: Account, world: World, *, as_of: datetime) -> Answer:
    """Find who agrees in number, name and birth, and tell what was asked."""
    yes_or_no = enquiry.operation is Operation.AUTHENTICATE
    people = _find_people(enquiry, account, world, core_only=yes_or_no)
    if yes_or_no:
        never = set() if account.switches.confirms_dead else _NEVER_CONFIRMED
        confirmed = [person for person in people if person.status not in never]
        return Answer(operation=enquiry.operation, count=len(confirmed), as_of=as_of)
    teller = Teller(account=account, asked_by=enquiry.number)
    records = tuple(
        teller.tell(person, _household(person, world, enquiry.operation), enquiry.operation)
        for person in people
    )
    count = len(records)
    if not records and account.switches.empty_person:
        records = (nobody_as_person(enquiry.operation),)
    return Answer(operation=enquiry.operation, count=count, records=records, as_of=as_of)


def _household(person: Person, world: World, operation: Operation) -> tuple[Person, ...]:
    """Give those of the household whom the operation tells about."""
    if not person.household or operation not in {Operation.LOOK_UP, Operation.HOUSEHOLD}:
        return ()
    if operation is Operation.HOUSEHOLD:
        return world.household(person.household)
    head = person if person.relation_to_head == HEAD_OF_HOUSEHOLD else world.head(person.household)
    return (head,) if head is not None else ()


def _find_people(enquiry: Enquiry, account: Account, world: World, *, core_only: bool) -> list[Person]:
    candidates = world.find(
        citizen_id=enquiry.citizen_id, id_card_number=enquiry.id_card_number, core_only=core_only
    )
    return [
        person
        for person in candidates
        if matches(
            person,
            citizen_id=enquiry.citizen_id,
            id_card_number=enquiry.id_card_number,
            full_name=enquiry.full_name,
            birth_date=enquiry.birth_date,
            birth_year=enquiry.birth_year,
            year_matches_date=account.switches.year_matches_date,
            exact_names=account.switches.exact_names,
            nine_digits_alone=account.switches.nine_digits_alone,
        )
    ]
