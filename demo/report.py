"""The demo's output: in a terminal one panel for each step, elsewhere plain lines."""

import sys
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from demo.settings import may_draw


class Report:
    """Prints the steps, and in the last line their number."""

    def __init__(self) -> None:
        self._draw = may_draw(is_terminal=sys.stdout.isatty())
        self._console = Console(highlight=False)
        self._steps = 0

    def note(self, text: str) -> None:
        """Print a line between steps."""
        print(text, flush=True)

    def step(self, title: str, evidence: Sequence[tuple[str, str]]) -> None:
        """Print a step that succeeded, with its evidence."""
        self._steps += 1
        if self._draw:
            table = Table.grid(padding=(0, 2))
            for name, value in evidence:
                table.add_row(f"[dim]{escape(name)}[/dim]", escape(value))
            self._console.print(
                Panel(table, title=f"{self._steps}", title_align="left", border_style="green")
            )
        else:
            for name, value in evidence:
                print(f"  {name}: {value}")
        print(f"step {self._steps} ok: {title}", flush=True)

    def failed(self, reason: str) -> None:
        """Print the step that failed."""
        print(f"step {self._steps + 1} FAILED: {reason}", flush=True)

    def done(self) -> None:
        """Print the last line."""
        print(f"demo: ok ({self._steps} steps)", flush=True)
