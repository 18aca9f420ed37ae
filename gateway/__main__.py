"""`python -m gateway`, and the console script `gateway`: the outermost edge of every command."""

import importlib.util
import sys
import traceback

# A package that the gateway needs and the mock doesn't: without the extra, none of them is there.
_OF_THE_EXTRA = "sqlalchemy"


def main() -> None:
    """Run the commands; text is UTF-8 whatever the locale, and what nobody foresaw is one line and exit 1."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(encoding="utf-8", errors="replace")
    if importlib.util.find_spec(_OF_THE_EXTRA) is None:
        sys.stderr.write("error: the gateway's packages are missing; install the project with [gateway]\n")
        sys.exit(1)
    from gateway.cli import build_cli  # noqa: PLC0415 - it can't be imported without them

    try:
        build_cli()(prog_name="gateway")
    except Exception as error:  # noqa: BLE001 - the outermost edge: no traceback, and no text that may hold a secret
        place = traceback.extract_tb(error.__traceback__)[-1]
        kind = type(error).__name__
        sys.stderr.write(f"error: unexpected {kind} at {place.filename}:{place.lineno}; please report it\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
