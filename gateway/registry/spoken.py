"""What both ways of speaking share: ask, then read a verdict or a record out of the answer's body.

How a question is written and where an answer's body stands is each dialect's own (`soap.py`, `lgsp_json.py`).
"""

from abc import ABC, abstractmethod

from gateway.clock import Clock, today
from gateway.places import Profile
from gateway.registry.connection import Connection
from gateway.registry.model import Found, NobodyFound, Question
from gateway.registry.records import read_answer
from gateway.registry.session import Session
from gateway.registry.tree import Branch
from gateway.registry.verdicts import read_verdict


class SpokenRegistry(ABC):
    """The registry behind one profile; a subclass knows its tongue."""

    def __init__(self, session: Session, connection: Connection, clock: Clock) -> None:
        self._session = session
        self._connection = connection
        self._clock = clock

    @property
    def profile(self) -> Profile:
        """The only profile whose questions may pass."""
        return self._connection.profile

    async def confirm(self, question: Question) -> bool:
        """Ask yes or no; raises `RegistryError`."""
        return read_verdict(await self._ask(question))

    async def find_record(self, question: Question) -> Found | NobodyFound:
        """Ask for the part of a record that the operation brings; raises `RegistryError`."""
        return read_answer(await self._ask(question), question.claim, today(self._clock))

    async def aclose(self) -> None:
        """Close the outbound client."""
        await self._session.aclose()

    @abstractmethod
    async def _ask(self, question: Question) -> Branch:
        """Put the question and return the body of the answer, a refusal already raised."""
