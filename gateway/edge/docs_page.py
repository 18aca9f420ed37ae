"""`/docs`: the API's document as a page that a person can read, made here, with no script and no foreign asset."""

from collections.abc import Mapping
from html import escape
from typing import Any

from gateway.edge.problems import PROBLEMS

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;color:#1b1b1b}
table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid #ccc;padding:.4rem .6rem;text-align:left}
code{font:14px/1.4 ui-monospace,monospace}h2{margin-top:2rem}
"""


def docs_page(document: Mapping[str, Any]) -> str:
    """Return the page for an OpenAPI document."""
    operations = "".join(
        f"<tr><td><code>{method.upper()}</code></td><td><code>{escape(path)}</code></td>"
        f"<td>{escape(operation.get('summary', ''))}</td></tr>"
        for path, methods in sorted(document["paths"].items())
        for method, operation in methods.items()
    )
    problems = "".join(
        f'<tr><td>{problem.status}</td><td><a href="/problems/{escape(problem.code)}">'
        f"<code>{escape(problem.code)}</code></a></td>"
        f'<td>{escape(problem.title_vi)}<br><span lang="en">{escape(problem.title)}</span></td></tr>'
        for problem in PROBLEMS.values()
    )
    return _PAGE.format(
        title=escape(document["info"]["title"]),
        version=escape(document["info"]["version"]),
        description=escape(document["info"].get("description", "")),
        style=_STYLE,
        operations=operations,
        problems=problems,
    )


_PAGE = """<!doctype html>
<html lang="vi"><head><meta charset="utf-8"><title>{title}</title><style>{style}</style></head>
<body><h1>{title} <small>{version}</small></h1>
<p lang="en">{description} <a href="/openapi.json">openapi.json</a></p>
<h2>Các lệnh gọi · Calls</h2><table>{operations}</table>
<h2>Lỗi · Problems</h2><table>{problems}</table></body></html>
"""
