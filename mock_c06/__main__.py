"""Entry of `mock-c06` and `python -m mock_c06`: exit codes, and UTF-8 whatever the locale."""

import io
import sys

from mock_c06.errors import MockError


def main() -> None:
    """Run the command; a refused command prints one line on stderr and exits with 1."""
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
    except BrokenPipeError:
        # The reader of the output has closed it: nobody would read a message.
        sys.stderr.close()
        sys.exit(1)


if __name__ == "__main__":
    main()
