"""No part of a request runs in a thread: FastAPI uses one for every endpoint or dependency without `async`."""

from collections.abc import Callable, Iterator
from inspect import iscoroutinefunction
from typing import Any

import pytest
from fastapi import APIRouter
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from gateway.accounts import web as accounts_web
from gateway.enquiries import web as enquiries_web
from gateway.oauth import web as oauth_web
from gateway.operators import web as operators_web
from gateway.procedures import web as procedures_web

ROOMS = (accounts_web, enquiries_web, oauth_web, operators_web, procedures_web)


def calls(dependant: Dependant) -> Iterator[Callable[..., Any]]:
    """Yield the endpoint and everything that it depends on."""
    if dependant.call is not None:
        yield dependant.call
    for inner in dependant.dependencies:
        yield from calls(inner)


def is_asynchronous(call: Callable[..., Any]) -> bool:
    return iscoroutinefunction(call) or iscoroutinefunction(type(call).__call__)


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.__name__)
def test_every_endpoint_and_dependency_of_a_room_is_asynchronous(room: Any) -> None:
    router: APIRouter = room.build_router()
    routes = [route for route in router.routes if isinstance(route, APIRoute)]
    assert routes
    threads = {call for route in routes for call in calls(route.dependant) if not is_asynchronous(call)}
    assert threads == set()
