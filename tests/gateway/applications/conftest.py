"""The two operators of a change, signed in, with an official portal that was there before them."""

from tests.gateway.changes.conftest import approver, desk, official, proposer

__all__ = ["approver", "desk", "official", "proposer"]
