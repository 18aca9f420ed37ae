"""A flame graph as plain SVG: no script, a `<title>` on every frame, no frames that are too narrow."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

WIDTH, ROW, SMALLEST = 1200.0, 17, 0.006
COLOURS: Mapping[str, str] = {
    "gateway": "#e8a33d",
    "sqlalchemy": "#6fa8dc",
    "aiosqlite": "#6fa8dc",
    "asyncpg": "#6fa8dc",
    "fastapi": "#93c47d",
    "starlette": "#93c47d",
    "pydantic": "#93c47d",
    "uvicorn": "#93c47d",
    "joserfc": "#c27ba0",
    "cryptography": "#c27ba0",
    "aiohttp": "#8e7cc3",
    "httpx": "#8e7cc3",
    "lxml": "#8e7cc3",
}
OTHER = "#cccccc"


@dataclass
class Node:
    """A frame: the number of its samples, and the frames that it called."""

    name: str
    samples: int = 0
    called: dict[str, "Node"] = field(default_factory=dict)

    def add(self, stack: list[str], samples: int) -> None:
        """Add the samples of a stack that begins at this frame."""
        self.samples += samples
        if stack:
            self.called.setdefault(stack[0], Node(stack[0])).add(stack[1:], samples)


_BELOW = ("asyncio.runners:Runner.run", "threading:Thread.run", "concurrent.futures.thread:_worker")
"""Frames whose callers are the same in every stack."""
_FRAME = re.compile(r"(?P<function>.*) \((?P<file>.*?)(?:\.py)?(?::\d+)?\)")


def read_stacks(path: Path, *, root: str) -> Node:
    """Read py-spy's raw lines `function (file:line);… samples`, without the frames that start the loop or a thread."""
    tree = Node(root)
    for line in path.read_text(encoding="utf-8").splitlines():
        stack, _, samples = line.rpartition(" ")
        frames = [_name(frame) for frame in stack.split(";")]
        start = max((place for place, name in enumerate(frames) if name in _BELOW), default=-1)
        tree.add(frames[start + 1 :], int(samples))
    return tree


def _name(frame: str) -> str:
    found = _FRAME.fullmatch(frame)
    return f"{found['file'].replace('/', '.')}:{found['function']}" if found else frame


def draw(tree: Node, *, title: str) -> str:
    """Return the graph: callers at the bottom, called frames above them."""
    boxes = list(_boxes(tree, x=0.0, depth=0, total=tree.samples))
    height = (max(depth for _, _, depth, _ in boxes) + 3) * ROW
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:.0f} {height}" font-size="11">',
        f'<text x="4" y="13">{escape(title)}, {tree.samples} samples</text>',
    ]
    for name, x, depth, width in boxes:
        y = height - (depth + 1) * ROW
        share = f"{escape(name)}: {width / WIDTH:.1%}"
        shown = escape(name[: int(width / 6.8)]) if width > 30 else ""
        fill = COLOURS.get(name.split(".", 1)[0].split(":", 1)[0], OTHER)
        lines.append(
            f'<g><title>{share}</title><rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{ROW - 1}" '
            f'fill="{fill}" stroke="white" stroke-width="0.5"/>'
            f'<text x="{x + 2:.1f}" y="{y + 12}">{shown}</text></g>'
        )
    return "\n".join([*lines, "</svg>", ""])


def _boxes(node: Node, *, x: float, depth: int, total: int) -> Iterator[tuple[str, float, int, float]]:
    width = WIDTH * node.samples / total
    yield node.name, x, depth, width
    for called in sorted(node.called.values(), key=lambda found: -found.samples):
        if called.samples / total >= SMALLEST:
            yield from _boxes(called, x=x, depth=depth + 1, total=total)
        x += WIDTH * called.samples / total
