"""The caller's trace (W3C Trace Context, `traceparent`): its trace-id goes onto every log line of the request.

That is all there is to continue: no span of ours is exported, and the registry is sent nothing that a caller chose
(docs/decisions/0035). A malformed header is ignored, never refused; `tracestate` is not read.
"""

import re
from collections.abc import Sequence

_FORM = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?")
_LONG_RUN = re.compile(r"[0-9]{9,}")
_NO_TRACE, _NO_PARENT = "0" * 32, "0" * 16


def find_trace_id(headers: Sequence[str]) -> str | None:
    """Return the trace-id of the one `traceparent`, as it may be logged; None where there is none to keep.

    Nine decimal digits in a row may be a person's number, and stand in one of seven random trace-ids by chance. So
    they are written as `x`, which leaves a random id findable and of a number nothing.
    """
    if len(headers) != 1 or (found := _FORM.fullmatch(headers[0].strip(" \t"))) is None:
        return None
    version, trace_id, parent_id, rest = found.groups()
    if version == "ff" or (version == "00" and rest) or trace_id == _NO_TRACE or parent_id == _NO_PARENT:
        return None
    shown = _LONG_RUN.sub(lambda run: "x" * len(run[0]), trace_id)
    return shown if shown.strip("x") else None
