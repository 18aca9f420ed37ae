"""Entry of `portal` and `python -m portal`: exit codes, and UTF-8 whatever the locale."""

from portal.cli import app
from portal.errors import StartRefused
from witness.__main__ import run


def main() -> None:
    """Run the command."""
    run(app, "portal", StartRefused)


if __name__ == "__main__":
    main()
