"""The headers by which C06 and the platforms before it know us.

Three layers occur: a token of the platform, the platform adapter's own header, and C06's Basic over a hash.
Refuses credentials that a header can't carry. Source: public clients of C06, NGSP and LGSP.
"""

import base64
import hashlib
import json

from gateway.clock import Clock
from gateway.errors.commands import SettingInvalid
from gateway.registry.connection import Adapter, Connection, TimestampUnit

_LONGEST_LEAD_MS = 1_000


class Timestamps:
    """Values for the `Timestamp` header, each later than the last.

    C06 takes an equal one with an equal body for a replay. In milliseconds they run ahead of the clock by a
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
        if milliseconds <= self._last <= milliseconds + _LONGEST_LEAD_MS:
            milliseconds = self._last + 1
        self._last = milliseconds
        return str(milliseconds)


class C06Login:
    """C06's account: Basic over a hash that binds the login to the URL and the moment."""

    def __init__(self, user: str, secret: str, timestamps: Timestamps) -> None:
        self._user = user
        self._secret = secret
        self._timestamps = timestamps

    def headers(self, url: str) -> dict[str, str]:
        """Return the two headers for one packet to this URL."""
        timestamp = self._timestamps.next()
        digest = hashlib.sha256(f"{url}{self._user}{timestamp}{self._secret}".encode()).hexdigest()
        return {"authorization": basic(self._user, digest), "timestamp": timestamp}


def basic(user: str, password: str) -> str:
    """Return RFC 7617's header value."""
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def standing_headers(connection: Connection) -> dict[str, str]:
    """Return the headers that every packet of this connection carries, token requests too."""
    headers: dict[str, str] = {}
    if connection.adapter is not None:
        headers["lgspaccesstoken"] = _adapter_token(connection.adapter)
    if connection.x_road_client is not None:
        headers["x-road-client"] = connection.x_road_client
    return headers


def check_credentials(connection: Connection) -> None:
    """Raise `SettingInvalid` where a credential is missing its half or can't stand in a header."""
    for half, other, name in (
        (connection.c06_user, connection.c06_secret, "c06_user and c06_secret"),
        (connection.ngsp_key, connection.ngsp_secret, "ngsp_key and ngsp_secret"),
    ):
        if (half is None) != (other is None):
            raise SettingInvalid(f"{name}: both or neither are expected")
        if half is not None and (":" in half or not half.isprintable()):
            raise SettingInvalid(f"{name}: the first is printable text without a colon")
    client = connection.x_road_client
    if client is not None and not (client.isascii() and client.isprintable()):
        raise SettingInvalid("x_road_client: printable ASCII is expected")


def _adapter_token(adapter: Adapter) -> str:
    members = {
        "AccessKey": adapter.access_key,
        "SecretKey": adapter.secret_key,
        "AppName": adapter.app_name,
        "PartnerCode": adapter.partner_code,
        "PartnerCodeCus": adapter.partner_code_cus,
    }
    return base64.b64encode(json.dumps(members, ensure_ascii=False).encode()).decode()
