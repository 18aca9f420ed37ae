"""A disk that is full or fails, as a program meets it: a limit of a file's size, and a look at each step before it is done."""

import resource
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond so many bytes."""
    former = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, former[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, former)


@contextmanager
def before_each_step(look: Callable[[str, tuple[Any, ...]], None]) -> Iterator[None]:
    """Give each audit event of Python, such as `os.rename`, to a function; what it raises is raised in the program."""
    watches = True

    def hook(event: str, arguments: tuple[Any, ...]) -> None:  # nothing removes it
        if watches:
            look(event, arguments)

    sys.addaudithook(hook)
    try:
        yield
    finally:
        watches = False
