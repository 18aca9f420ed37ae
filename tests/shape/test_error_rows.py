"""Sign of decay D7: every error that a portal can meet has a row in the one table of its face.

Errors of `OperationError` are met by commands, never by portals, and have none.
"""

import importlib
from collections.abc import Container, Iterator

from gateway.edge.problems import PROBLEMS
from gateway.errors import GatewayError
from gateway.errors.commands import OperationError
from tests.shape.source import read_python


def _leaves(kind: type[Exception]) -> Iterator[type[Exception]]:
    for below in kind.__subclasses__():
        if not issubclass(below, OperationError):
            yield from (_leaves(below) if below.__subclasses__() else [below])


def _find_errors_without_row(root: type[Exception], rows: Container[type[Exception]]) -> list[str]:
    return [kind.__name__ for kind in _leaves(root) if kind not in rows]


def test_every_error_class_has_a_row_in_problems() -> None:
    for source in read_python("gateway"):
        if source.parts[-1] != "__main__":
            importlib.import_module(".".join(source.parts).removesuffix(".__init__"))
    assert _find_errors_without_row(GatewayError, PROBLEMS) == []


def test_an_error_class_without_a_row_is_found() -> None:
    class Root(Exception):
        pass

    class Remembered(Root):
        pass

    class Forgotten(Root):
        pass

    assert _find_errors_without_row(Root, {Remembered}) == ["Forgotten"]
