"""Where a path of the registry face leads. Every path may begin with `/r/{run}`; the query never matters to it."""

from enum import Enum

from mock_c06.light import light_value
from mock_c06.operations import Operation
from mock_c06.runs.run import DEFAULT_RUN


class Door(Enum):
    """The kinds of endpoint."""

    OPERATION = "operation"
    SOAP = "soap"
    LGSP = "lgsp"
    TOKEN = "token"  # noqa: S105 - a path, not a secret


@light_value
class Route:
    """A run, a door in it, and the operation where the path already names one."""

    run: str
    door: Door
    operation: Operation | None = None


_DOORS: dict[str, tuple[Door, Operation | None]] = {
    "/soap": (Door.SOAP, None),
    "/token": (Door.TOKEN, None),
    **{f"/{operation}": (Door.OPERATION, operation) for operation in Operation},
    **{f"/lgsp/{operation.camel}": (Door.LGSP, operation) for operation in Operation},
}


def find_route(path: str) -> Route | None:
    """Give the route, or None where nothing is there."""
    run = DEFAULT_RUN
    if path.startswith("/r/"):
        run, _, rest = path.removeprefix("/r/").partition("/")
        path = f"/{rest}"
    found = _DOORS.get(path)
    return Route(run=run, door=found[0], operation=found[1]) if found else None
