"""Entry of `mock-c06` and `python -m mock_c06`: exit codes, and UTF-8 whatever the locale."""

import io
import sys

from mock_c06.cli import app
from mock_c06.errors import MockError


def main() -> None:
    """Run the command; one line on stderr and exit 1 where it is refused."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="replace")
    try:
        app(prog_name="mock-c06")
    except MockError as error:
        sys.stderr.write(f"mock-c06: {error}\n")
        sys.exit(1)
    except BrokenPipeError:
        # The reader of our output has gone; there is nobody to tell.
        sys.stderr.close()
        sys.exit(1)


if __name__ == "__main__":
    main()
