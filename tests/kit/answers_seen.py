"""Records the answers that each test got from the gateway: with `--contract-coverage FILE` it writes them
to a file, row by row.

A row is an operation of `openapi/gateway.json`, a status, and the code of the problem or OAuth error if there
is one. `tools/contract_coverage.py` makes `docs/contract-coverage.json` of them. Only the scene's own client
records.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[2]
_PROBLEM = "application/problem+json"


def read_rows(document: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the rows of a document, in its order: `METHOD path status code`, the code where there is one."""
    return tuple(
        f"{method.upper()} {path} {status} {code}".rstrip()
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        for status, response in operation["responses"].items()
        for code in _codes(_resolve(document, response), document)
    )


def _codes(response: Mapping[str, Any], document: Mapping[str, Any]) -> tuple[str, ...]:
    content = response.get("content", {})
    if _PROBLEM in content:
        schema = content[_PROBLEM]["schema"]
        named = [_resolve(document, each) for each in schema.get("oneOf", [schema])]
        codes = [code for each in named for code in each["properties"]["code"]["enum"]]
    else:
        schema = _resolve(document, content.get("application/json", {}).get("schema", {}))
        error = schema.get("properties", {}).get("error", {})
        codes = error.get("enum", [error["const"]] if "const" in error else [""])
    return tuple(codes)


def _resolve(document: Mapping[str, Any], part: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" not in part:
        return part
    found: Any = document
    for step in part["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    return dict(found)


def read_document() -> dict[str, Any]:
    """Return the OpenAPI document in the repository."""
    found: dict[str, Any] = json.loads((ROOT / "openapi" / "gateway.json").read_text(encoding="utf-8"))
    return found


class AnswersSeen:
    """The rows of each test. `test` is the one that is running."""

    def __init__(self) -> None:
        self.test: str | None = None
        self.rows: dict[str, set[str]] = {}
        self._paths: list[tuple[re.Pattern[str], str, Mapping[str, Any]]] = []

    def listen(self) -> None:
        """Start to record rows; before this call nothing is recorded."""
        for path, operations in read_document()["paths"].items():
            # A tile's path has slashes of its own.
            form = re.sub(r"\\\{\w+\\\}", "[^/]*", re.escape(path).replace(r"\{tile\}", ".*"))
            self._paths.append((re.compile(form), path, operations))

    async def note(self, answer: httpx.Response) -> None:
        """Record an answer; an event hook of an httpx client."""
        if self.test is None or not self._paths:
            return
        await answer.aread()
        members = answer.json() if "json" in answer.headers.get("content-type", "") else {}
        code = members.get("code" if _PROBLEM in answer.headers.get("content-type", "") else "error", "")
        found = [
            (path, operations) for form, path, operations in self._paths if form.fullmatch(answer.url.path)
        ]
        for path, operations in found:
            for method in operations if answer.status_code == 405 else (answer.request.method.lower(),):
                row = f"{method.upper()} {path} {answer.status_code} {code}".rstrip()
                self.rows.setdefault(row, set()).add(self.test)

    def write(self, file: Path) -> None:
        """Write each row with the tests that recorded it."""
        rows = {row: sorted(tests) for row, tests in sorted(self.rows.items())}
        file.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


SEEN = AnswersSeen()
