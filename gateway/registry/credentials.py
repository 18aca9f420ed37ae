"""The headers that authenticate the gateway: the platform's token, its adapter's header, C06's Basic over a hash.

Refuses credentials that a header can't carry. Source: public clients of C06, NGSP and LGSP.
"""

import base64
import hashlib
import json

from gateway.clock import Clock
from gateway.errors.operators import SettingInvalid
from gateway.registry.connection import Connection, TimestampUnit

_MAX_LEAD_MS = 1_000


class Timestamps:
    """Values of the `Timestamp` header, each later than the one before.

    C06 treats an equal timestamp with an equal body as a replay. In milliseconds they run ahead of the clock by a
    second at most (C06 refuses a skew of five minutes); in seconds they may repeat: no two bodies are equal.
    """

    def __init__(self, clock: Clock, unit: TimestampUnit) -> None:
        self._clock = clock
        self._unit = unit
        self._last = 0

    def next(self) -> str:
        """Return the next value."""
        milliseconds = int(self._clock.now().timestamp() * 1000)
        if self._unit is TimestampUnit.SECONDS:
            return str(milliseconds // 1000)
        if milliseconds <= self._last <= milliseconds + _MAX_LEAD_MS:
            milliseconds = self._last + 1
        self._last = milliseconds
        return str(milliseconds)


def c06_headers(user: str, secret: str, url: str, timestamp: str) -> dict[str, str]:
    """Return C06's login for one request: Basic over a hash of the URL, the user, the time and the secret."""
    digest = hashlib.sha256(f"{url}{user}{timestamp}{secret}".encode()).hexdigest()
    return {"authorization": basic(user, digest), "timestamp": timestamp}


def basic(user: str, password: str) -> str:
    """Return RFC 7617's header value."""
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def common_headers(connection: Connection) -> dict[str, str]:
    """Return the headers that every request of this connection carries, token requests too."""
    headers: dict[str, str] = {}
    if (adapter := connection.adapter) is not None:
        members = {
            "AccessKey": adapter.access_key,
            "SecretKey": adapter.secret_key,
            "AppName": adapter.app_name,
            "PartnerCode": adapter.partner_code,
            "PartnerCodeCus": adapter.partner_code_cus,
        }
        document = json.dumps(members, ensure_ascii=False).encode()
        headers["lgspaccesstoken"] = base64.b64encode(document).decode()
    if connection.x_road_client is not None:
        headers["x-road-client"] = connection.x_road_client
    return headers


def check_credentials(connection: Connection) -> None:
    """Raise `SettingInvalid` if half of a credential is missing or can't be written in a header."""
    for half, other, name in (
        (connection.c06_user, connection.c06_secret, "c06_user and c06_secret"),
        (connection.ngsp_key, connection.ngsp_secret, "ngsp_key and ngsp_secret"),
    ):
        if (half is None) != (other is None):
            raise SettingInvalid(f"{name}: both or neither are expected")
        if half is not None and (":" in half or not half.isprintable()):
            raise SettingInvalid(f"{name}: the first must be printable text without a colon")
    client = connection.x_road_client
    if client is not None and not (client.isascii() and client.isprintable()):
        raise SettingInvalid("x_road_client: printable ASCII is expected")
