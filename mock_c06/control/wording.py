"""What is wrong with a body, member by member: each by its name as the author wrote it, and what would do."""

import re
from collections.abc import Mapping
from typing import Any

Error = Mapping[str, Any]


def word_error(error: Error, sent: Any, *, within: int = 0) -> tuple[str, str]:
    """Give the member's dotted name, "" for the whole, and the complaint; `within` is how deep `sent` stands."""
    where = _as_written(error, sent, within)
    match error["type"]:
        case "json_invalid":
            return "", f"no valid JSON: {error['ctx']['error']}"
        case "union_tag_invalid":
            tags = re.findall(r"'(\w+)'", error["ctx"]["expected_tags"])
            complaint = f"Input should be one of {', '.join(tags)}"
            return ".".join([*where, error["ctx"]["discriminator"].strip("'")]), complaint
        case "union_tag_not_found":
            return ".".join([*where, error["ctx"]["discriminator"].strip("'")]), "Field required"
    return ".".join(where), error["msg"].removeprefix("Value error, ")


def _as_written(error: Error, sent: Any, within: int) -> list[str]:
    """Leave out of a place what no author wrote: the names of the shapes that a member could have had."""
    place = error["loc"][within:]
    written: list[str] = []
    for part in place:
        if isinstance(sent, Mapping | list) and _has(sent, part):
            sent = sent[part]
            written.append(str(part))
    return [*written, str(place[-1])] if error["type"] == "missing" and place else written


def _has(sent: Mapping[Any, Any] | list[Any], part: str | int) -> bool:
    return part in sent if isinstance(sent, Mapping) else isinstance(part, int) and part < len(sent)
