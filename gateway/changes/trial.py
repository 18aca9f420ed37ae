"""What a preflight is run with: the way outside, who has it run, and how far it goes."""

from dataclasses import dataclass

from gateway.registry.probe_model import WayOut

ITSELF = "gateway"
"""The actor where the gateway acts by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """`login_only` asks one question about nobody; `run` is the preflight's own id, under which its questions are counted."""

    way_out: WayOut
    actor: str
    login_only: bool = False
    run: str | None = None
