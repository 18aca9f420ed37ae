"""An HTTP answer as a value, with the pace at which it leaves: faults change it before it is sent."""

from collections.abc import Mapping
from dataclasses import field

from mock_c06.light import light_value
from mock_c06.runs.faults import Cut

XML = "text/xml; charset=utf-8"
JSON = "application/json; charset=utf-8"
HTML = "text/html; charset=utf-8"
TEXT = "text/plain; charset=utf-8"


@light_value
class Reply:
    """`delay_s` comes before the first byte, `trickle_s` between single bytes; `cut` ends the connection there."""

    status: int
    body: bytes
    content_type: str
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    trickle_s: float = 0.0
    cut: Cut | None = None
