"""Render pages: Jinja2 with every value escaped, Vietnamese first and English second, under a policy without `unsafe-*`.

No page has a script, an inline style or an address of another place.
"""

from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from starlette.responses import HTMLResponse, Response

if TYPE_CHECKING:
    from jinja2 import Environment

STYLESHEET = "/pages.css"
"""Not below `/console/`, which a proxy may close to the outside, since the open pages link it too."""
_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'"
)
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": _POLICY,
    "Referrer-Policy": "same-origin",  # with no-referrer a browser sends `Origin: null` with a form
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@cache
def _environment() -> "Environment":
    # A worker that shows no page has 3 MiB less without it.
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 - as said

    return Environment(
        loader=PackageLoader("gateway.console", "templates"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip


def render(
    template: str, *, status: int = 200, headers: Mapping[str, str] | None = None, **values: Any
) -> Response:
    """Return a page."""
    text = _environment().get_template(template).render(stylesheet=STYLESHEET, **values)
    return HTMLResponse(text, status_code=status, headers={**HEADERS, **(headers or {})})


@cache
def read_asset(name: str) -> str:
    """Return a file of `assets/`."""
    return resources.files("gateway.console").joinpath("assets", name).read_text(encoding="utf-8")


def local_path(text: str, *, otherwise: str) -> str:
    """Return a path of this server; `otherwise` for anything else (threat 41, open redirect)."""
    safe = text.startswith("/") and not text.startswith("//") and text.isprintable() and "\\" not in text
    return text if safe and len(text) < 300 else otherwise
