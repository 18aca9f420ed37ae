"""Entry of `mock-c06` and `python -m mock_c06`: exit codes, and UTF-8 whatever the locale."""

import errno
import io
import os
import sys
from pathlib import Path

from mock_c06.errors import MockError


def main() -> None:
    """Run the command; a refused command prints one line on stderr and exits with 1."""
    if sys.stdout is None:  # closed by the caller (`>&-`): whatever is printed is lost, as with /dev/null
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - until the process ends
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="replace")
    # Typer and httpx load rich if they can, which takes longer than most commands; nothing prints with it.
    sys.modules.setdefault("rich", None)  # type: ignore[arg-type]  # None: an import of it fails
    from mock_c06.commands.main import app  # noqa: PLC0415 - after the line above

    try:
        app(prog_name="mock-c06")
    except MockError as error:
        sys.stderr.write(f"mock-c06: {error}\n")
        sys.exit(1)
    except UnicodeEncodeError:
        garbled = [place for place, given in enumerate(sys.argv) if _is_garbled(given)]
        if not garbled:
            raise
        sys.stderr.write(f"mock-c06: argument {garbled[0]} is not UTF-8 text\n")
        sys.exit(2)
    except BrokenPipeError:
        # The reader of the output has closed it: nobody would read a message.
        sys.stderr.close()
        sys.exit(1)
    except OSError as error:
        if error.errno != errno.ENOSPC or error.filename is not None:
            raise
        sys.stderr.write(f"mock-c06: the output can't be written ({error.strerror})\n")
        sys.exit(1)


def _is_garbled(argument: str) -> bool:
    """Return whether an argument has bytes that are not UTF-8: they arrive as half surrogates."""
    return argument != argument.encode(errors="replace").decode()


if __name__ == "__main__":
    main()
