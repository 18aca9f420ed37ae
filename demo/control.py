"""A client of the mock registry's control face: its people, its journal, its faults."""

from typing import Any

import httpx

from demo.processes import MockAddresses


class Control:
    """Calls one mock, in its run `default`."""

    def __init__(self, mock: MockAddresses) -> None:
        self._mock = mock

    async def claim_of(self, slug: str) -> dict[str, Any]:
        """Return the claim of a persona."""
        people = await self._ask("GET", "/personas")
        return claim(next(found for found in people if found["slug"] == slug))

    async def confirmed(self, count: int) -> list[dict[str, Any]]:
        """Return claims, with a full birth date, of `count` personas that the registry confirms."""
        people = await self._ask("GET", "/personas")
        found = [
            claim(person)
            for person in people
            if person["expect"]["confirmed"] and person["citizen_id"] and person["birth_date"]
        ]
        if len(found) < count:
            raise ValueError(f"{count} people are wanted, the catalogue has {len(found)}")
        return found[:count]

    async def journal(self, environment: str) -> list[dict[str, Any]]:
        """Return the journal of an environment, without token calls."""
        found = await self._ask("GET", f"/runs/default/journal?environment={environment}")
        return [entry for entry in found["entries"] if entry["operation"] != "token"]

    async def fault(self, **members: Any) -> None:
        """Plan a fault."""
        await self._ask("POST", "/runs/default/faults", members)

    async def account(self, name: str) -> dict[str, Any]:
        """Return an account by its name or user; its secrets are synthetic."""
        accounts = await self._ask("GET", "/accounts")
        found: dict[str, Any] = next(each for each in accounts if name in {each["name"], each["user"]})
        return found

    async def _ask(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {self._mock.control_token}"}
        async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
            response = await http.request(method, self._mock.control + path, json=body, headers=headers)
        response.raise_for_status()
        return response.json()


def claim(person: dict[str, Any]) -> dict[str, Any]:
    """Return a person's claim."""
    return {name: person[name] for name in ("citizen_id", "full_name", "birth_date")}
