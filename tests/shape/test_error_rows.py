"""Sign of decay D7: every error that a portal can get has a row in the table of problems, with a unique code.

Subclasses of `OperationError` stop commands and never reach portals: they have no row.
"""

import importlib
from collections.abc import Container, Iterator

from gateway.edge.problems import PROBLEMS
from gateway.errors import GatewayError
from gateway.errors.operators import OperationError
from tests.kit.source import read_python


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


def test_every_row_has_a_unique_machine_code() -> None:
    codes = [kind.code for kind in PROBLEMS]
    assert len(set(codes)) == len(codes)


def test_an_error_class_without_a_row_is_found() -> None:
    class Root(Exception):
        pass

    class Remembered(Root):
        pass

    class Forgotten(Root):
        pass

    assert _find_errors_without_row(Root, {Remembered}) == ["Forgotten"]
