"""An office as an attacker meets it: operators made by the real use cases, so that who saw whose code is as in life."""

import base64
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from gateway.operators.enrolment import enrol
from gateway.operators.model import Operator, Role, parse_name
from gateway.operators.passwords import Passwords, parse_new_password
from gateway.operators.use_cases import create_operator, disable_operator, has_official
from tests.gateway.changes.desk import Desk
from tests.gateway.operators.people import CHEAP, PASSWORD, Person, operator_behind, signed_in
from tests.gateway.scene import Scene


@dataclass(frozen=True)
class Office:
    """Lan, an admin, made Minh, a proposer, and Hoa, an approver, as the contract lets her."""

    scene: Scene
    lan: Person
    minh: Person
    hoa: Person

    @property
    def desk(self) -> Desk:
        """Return Minh and Hoa in front of the changes."""
        return Desk(scene=self.scene, proposer=self.minh, approver=self.hoa)

    async def create(self, name: str, role: Role) -> str:
        """Let Lan invite somebody alone, and return the one-time code."""
        return await invited_by(self.scene, self.lan, name, role)

    async def disable(self, person: Person) -> None:
        """Let Lan end an operator."""
        name = parse_name(person.name)
        await disable_operator(self.scene.gateway, name, by=await operator_behind(self.scene, self.lan))

    async def carry_out(
        self, body: dict[str, Any], proposer: Person | None = None, approver: Person | None = None
    ) -> dict[str, Any]:
        """Propose, try, approve and activate by two people; return the change, with what is shown once."""
        desk = Desk(scene=self.scene, proposer=proposer or self.minh, approver=approver or self.hoa)
        change = await desk.ask(body)
        await desk.preflight(change)
        desk.done(await desk.approve(change))
        return desk.done(await desk.act(desk.approver, change, "activate"))

    async def admit(
        self, name: str, role: Role, *, proposer: Person | None = None, approver: Person | None = None
    ) -> Person:
        """Admit somebody by a change, of Minh and Hoa unless told otherwise, and sign them in."""
        body = {"kind": "operator", "name": name, "role": role.value}
        done = await self.carry_out(body, proposer, approver)
        return await take_up(self.scene, name, done["shown_once"]["one_time_code"])

    async def give_role(self, name: str, role: Role, **people: Person) -> None:
        """Give an operator another role by a change."""
        await self.carry_out({"kind": "operator", "name": name, "role": role.value}, **people)

    async def operator(self, person: Person) -> Operator:
        """Return who a person is to the gateway."""
        return await operator_behind(self.scene, person)


async def open_office(scene: Scene) -> Office:
    """Set an instance up as `docs/operators.md` says."""
    lan = await signed_in(scene, "lan.nguyen", Role.ADMIN)
    codes = {
        name: await invited_by(scene, lan, name, role)
        for name, role in (("minh.tran", Role.PROPOSER), ("hoa.le", Role.APPROVER))
    }
    minh, hoa = [await take_up(scene, name, code) for name, code in codes.items()]
    return Office(scene=scene, lan=lan, minh=minh, hoa=hoa)


async def invited_by(scene: Scene, admin: Person, name: str, role: Role) -> str:
    """Let an admin invite somebody alone, and return the one-time code."""
    return await create_operator(
        scene.gateway,
        parse_name(name),
        role,
        by=await operator_behind(scene, admin),
        official_present=await has_official(scene.gateway),
    )


async def take_up(scene: Scene, name: str, code: str) -> Person:
    """Enrol with a one-time code, whoever has it, and sign in."""
    with ThreadPoolExecutor(1) as executor:
        password = parse_new_password(PASSWORD, name=name)
        passwords = Passwords(executor, cost=CHEAP)
        secret = await enrol(scene.gateway, passwords, parse_name(name), code=code, password=password)
    person = Person(http=scene.http, clock=scene.clock, name=name, secret=base64.b32decode(secret))
    return await person.sign_in()
