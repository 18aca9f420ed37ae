"""`python -m gateway`, and the console script `gateway`."""

import sys

from gateway.cli import build_cli


def main() -> None:
    """Run the commands; text is UTF-8 whatever the locale."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(encoding="utf-8", errors="replace")
    build_cli()(prog_name="gateway")


if __name__ == "__main__":
    main()
