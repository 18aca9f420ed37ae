"""Files that a person names are read up to a limit, and a pipe is not waited for without end.

A pipe is welcome, as `<(command)` makes one: a secret then is on no disk.
"""

import errno
import os
import select
import stat
from pathlib import Path

LARGEST = 64 * 1024
"""Bytes of a file with keys, ids or members, unless its reader says otherwise."""

WRITER_SECONDS = 2.0
"""How long a pipe without a writer is waited for."""

SILENCE_SECONDS = 60.0
"""How long a writer may write nothing: a person may have to type a password for it."""

_PART = 65_536


class FileTooLarge(OSError):
    """A file has more bytes than its reader takes; `strerror` says how many those are."""


def read_bounded(path: Path, *, most: int = LARGEST) -> bytes:
    """Return the content of a file or a pipe.

    Raises:
        FileTooLarge: it has more than `most` bytes.
        OSError: it can't be read, or is a pipe that nobody writes to; `strerror` says which.
    """
    try:
        with open(path, "rb", opener=_open) as file:
            descriptor = file.fileno()
            if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
                content = _read_pipe(descriptor, path, most)
            else:
                os.set_blocking(descriptor, True)
                content = file.read(most + 1)
    except ValueError:  # a name with a NUL
        raise OSError(errno.EINVAL, "no file's name", str(path)) from None
    if len(content) > most:
        size = f"{most >> 20} MiB" if most >> 20 else f"{most >> 10} KiB"
        raise FileTooLarge(errno.EFBIG, f"over {size}", str(path))
    return content


def read_bounded_text(path: Path, *, most: int = LARGEST, errors: str = "strict") -> str:
    """Return a UTF-8 text with line breaks of one kind. Raises as `read_bounded` and `bytes.decode`, which takes `errors`."""
    text = read_bounded(path, most=most).decode(errors=errors)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def why_unread(error: Exception) -> str:
    """Return a short reason, without the name and the content of the file: either may be a secret by mistake."""
    return (isinstance(error, OSError) and error.strerror) or type(error).__name__


def _open(name: str, flags: int) -> int:
    return os.open(name, flags | os.O_NOCTTY | os.O_NONBLOCK)


def _read_pipe(descriptor: int, path: Path, most: int) -> bytes:
    """Return what the writers of a pipe write until they end, or a little more than `most` bytes of it."""
    content = bytearray()
    waiting = select.poll()
    waiting.register(descriptor, select.POLLIN)
    found = waiting.poll(WRITER_SECONDS * 1000)  # something to read, or the end of the last writer
    while len(content) <= most:
        try:
            part = os.read(descriptor, _PART)
        except BlockingIOError:  # there is a writer
            found = waiting.poll(SILENCE_SECONDS * 1000)
            if not found:
                raise OSError(errno.ETIMEDOUT, "the writer of this pipe writes nothing", str(path)) from None
            continue
        if not part:
            break
        content += part
    if not found:
        raise OSError(errno.ETIMEDOUT, "nobody writes to this pipe", str(path))
    return bytes(content)
