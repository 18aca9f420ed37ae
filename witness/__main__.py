"""Entry of `witness` and `python -m witness`: exit codes, and UTF-8 whatever the locale."""

import io
import sys

from witness.cli import app
from witness.errors import WitnessError


def main() -> None:
    """Run the command; a refusal prints one line on stderr and exits with 1."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="replace", line_buffering=True)
    try:
        app(prog_name="witness")
    except WitnessError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
