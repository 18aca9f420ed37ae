"""`python -m gateway`, and the console script `gateway`: the outermost edge of every command."""

import sys
import traceback

from gateway.cli import build_cli


def main() -> None:
    """Run the commands; text is UTF-8 whatever the locale, and what nobody foresaw is one line and exit 1."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(encoding="utf-8", errors="replace")
    try:
        build_cli()(prog_name="gateway")
    except Exception as error:  # noqa: BLE001 - the outermost edge: no traceback, and no text that may hold a secret
        place = traceback.extract_tb(error.__traceback__)[-1]
        kind = type(error).__name__
        sys.stderr.write(f"error: unexpected {kind} at {place.filename}:{place.lineno}; please report it\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
