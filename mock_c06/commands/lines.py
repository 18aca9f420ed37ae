"""Lines for people: as wide as the terminal, 80 columns where there is none; `COLUMNS` sets another width."""

import shutil
import textwrap

_COLUMNS = 80


def print_wrapped(text: str, *, indent: int = 2) -> None:
    """Print a line; what doesn't fit follows below it, indented. No word is cut, so that an id can be copied."""
    lead = " " * (len(text) - len(text.lstrip()))
    wrapped = textwrap.wrap(
        text.lstrip(),
        shutil.get_terminal_size((_COLUMNS, 24)).columns,
        initial_indent=lead,
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    print("\n".join(wrapped))
