"""Render pages: Jinja2 with every value escaped, Vietnamese first and English second, under a policy without `unsafe-*`.

No page has a script, an inline style or an address of another place.
"""

from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

if TYPE_CHECKING:
    from jinja2 import Environment

STYLESHEET = "/pages.css"
FONTS = "/fonts"
"""Not below `/console/`, which a proxy may close to the outside, since the open pages need them too."""
_POLICY = (
    "default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
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


def wants_page(request: Request) -> bool:
    """Return whether the caller is a browser: it names HTML in `Accept`, and no browser sends `Authorization` here."""
    headers = request.headers
    return "text/html" in headers.get("accept", "") and "authorization" not in headers


def problem_page(members: Mapping[str, Any], headers: Mapping[str, str]) -> Response:
    """Return a problem's members as a page; `headers` are the problem's own."""
    return render("refused.html", status=members["status"], headers=headers, found=members)


@cache
def read_asset(name: str) -> str:
    """Return a text of `assets/`."""
    return resources.files("gateway.console").joinpath("assets", name).read_text(encoding="utf-8")


@cache
def read_fonts() -> Mapping[str, bytes]:
    """Return the typeface's files by name."""
    files = resources.files("gateway.console").joinpath("assets").iterdir()
    return {each.name: each.read_bytes() for each in files if each.name.endswith(".woff2")}


def answer_stylesheet(text: str) -> Response:
    """Return a stylesheet with the typeface's faces before it."""
    headers = {**HEADERS, "Cache-Control": "max-age=300"}
    return Response(read_asset("fonts.css") + text, media_type="text/css", headers=headers)


def local_path(text: str, *, otherwise: str) -> str:
    """Return a path of this server; `otherwise` for anything else (threat 41, open redirect)."""
    safe = text.startswith("/") and not text.startswith("//") and text.isprintable() and "\\" not in text
    return text if safe and len(text) < 300 else otherwise
