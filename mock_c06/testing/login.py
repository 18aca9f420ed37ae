"""An account as a test's client needs it: its secrets, and C06's login made out of them."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mock_c06.clock import Clock
from mock_c06.desk.basic import digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account of the mock. Every member that `mock-c06 accounts --json` shows is read as `account["secret"]`."""

    members: Mapping[str, Any] = field(repr=False)
    wall: Clock = field(repr=False)

    def __getitem__(self, member: str) -> Any:
        return self.members[member]

    def login(self, url: str) -> dict[str, str]:
        """Give the two headers that log in to this address: absolute, as it will be called, without query."""
        timestamp = str(round(self.wall.now().timestamp() * 1000))
        user, secret = self["user"], self["secret"]
        password = digest(url=url, user=user, timestamp=timestamp, secret=secret)
        written = base64.b64encode(f"{user}:{password}".encode()).decode()
        return {"Authorization": f"Basic {written}", "Timestamp": timestamp}
