"""C06's own Basic login and a provincial platform's token, as public clients get them."""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode
from urllib.request import Request, urlopen


def basic(url: str, user: str, secret: str, timestamp: str) -> str:
    password = hashlib.sha256(f"{url}{user}{timestamp}{secret}".encode()).hexdigest()
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@dataclass(frozen=True, slots=True)
class Platform:
    """Address and credentials; `adapter` in the words of the header."""

    base: str
    key: str
    secret: str
    adapter: Mapping[str, str]

    def token(self) -> str:
        login = base64.b64encode(f"{self.key}:{self.secret}".encode()).decode()
        form = urlencode({"grant_type": "client_credentials"}).encode()
        headers = {
            "Authorization": f"Basic {login}",
            "lgspaccesstoken": self.adapter_header(),
            "Content-Type": "application/x-www-form-urlencoded",
        }
        with urlopen(Request(f"{self.base}/token", form, headers), timeout=10) as answer:
            return str(json.load(answer)["access_token"])

    def call(self, token: str, operation: str, body: Mapping[str, object]) -> dict[str, object]:
        """Call an operation by its camelCase path."""
        headers = {
            "Authorization": f"Bearer {token}",
            "lgspaccesstoken": self.adapter_header(),
            "Content-Type": "application/json",
        }
        path = f"{self.base}/lgsp/{operation[0].lower()}{operation[1:]}"
        sent = json.dumps(body, ensure_ascii=False).encode()
        with urlopen(Request(path, sent, headers), timeout=10) as answer:
            return dict(json.load(answer))

    def adapter_header(self) -> str:
        return base64.b64encode(json.dumps(dict(self.adapter)).encode()).decode()
