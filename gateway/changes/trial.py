"""What a preflight is run with: the way outside, who has it run, and how far it goes."""

from dataclasses import dataclass, field

from gateway.registry.model import Claim
from gateway.registry.probe_model import WayOut

ITSELF = "gateway"
"""The actor where the gateway acts by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """`test_identity` is a person that the registry issued for tests; `login_only` asks one question about nobody."""

    way_out: WayOut
    actor: str
    test_identity: Claim | None = field(default=None, repr=False)
    login_only: bool = False
