"""From a token to a filled form, with private_key_jwt and DPoP: official requires both, sandbox accepts them.

    python examples/python/walk.py ISSUER CLIENT_ID PRIVATE_KEY_FILE

ISSUER is the profile's address, such as http://127.0.0.1:8000/official; the key file is a JWK as make_key.py writes it.
Needs httpx and joserfc, and nothing of the gateway. If a step fails, prints one line on standard error and exits with 1.
A long-running portal also fetches a new token before the old one expires: see portal/gateway_client.py.
"""

import argparse
import base64
import hashlib
import json
import secrets
import sys
import time
from pathlib import Path
from typing import Any

import httpx
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
BIRTH = {"procedure": "khai-sinh", "dossier": "HN-2022-000123", "subject_role": "requester"}
MARRIAGE = {"procedure": "ket-hon", "dossier": "HN-2022-000124", "subject_role": "requester"}
CLAIM = {"citizen_id": "001090000123", "full_name": "Nguyễn Văn An", "birth_date": "1990-01-31"}
CITIZEN = {"initiated_by": {"kind": "citizen"}}


class StepFailed(Exception):
    """A step had another answer than expected."""


class Gateway:
    """One account at one profile, with a token that is bound to the account's key."""

    def __init__(self, http: httpx.Client, issuer: str, client_id: str, key: ECKey) -> None:
        self._http = http
        self._issuer = issuer
        self._client_id = client_id
        self._key = key
        self._token = ""

    def fetch_token(self) -> dict[str, Any]:
        """Find the token endpoint (RFC 8414), authenticate (RFC 7523), bind the token to the key (RFC 9449)."""
        base, _, profile = self._issuer.rpartition("/")
        address = f"{base}/.well-known/oauth-authorization-server/{profile}"
        endpoint = _expect(self._http.get(address), 200)["token_endpoint"]
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": self._assertion(),
        }
        proof = self._proof("POST", endpoint)
        answer = _expect(self._http.post(endpoint, data=form, headers={"DPoP": proof}), 200)
        self._token = answer["access_token"]
        return answer

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        """Call the API, with a new proof for each call."""
        address = f"{self._issuer}/v1{path}"
        proof = self._proof(method, address, self._token)
        headers = {"Authorization": f"DPoP {self._token}", "DPoP": proof}
        return self._http.request(method, address, json=body, headers=headers)

    def _assertion(self) -> str:
        claims = {"iss": self._client_id, "sub": self._client_id, "aud": self._issuer}
        return self._sign({"typ": "JWT"}, claims | {"exp": _now() + 60})

    def _proof(self, method: str, address: str, access_token: str | None = None) -> str:
        claims: dict[str, Any] = {"htm": method, "htu": address}
        if access_token is not None:
            digest = hashlib.sha256(access_token.encode()).digest()
            claims["ath"] = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        return self._sign({"typ": "dpop+jwt", "jwk": self._key.as_dict(private=False)}, claims)

    def _sign(self, header: dict[str, Any], claims: dict[str, Any]) -> str:
        payload = claims | {"iat": _now(), "jti": secrets.token_urlsafe(16)}
        return jws.serialize_compact({"alg": "ES256", **header}, json.dumps(payload).encode(), self._key)


def walk(gateway: Gateway) -> None:
    """Token, me, verify, prefill, the next procedure, receipt, ledger. Raises `StepFailed` if one fails."""
    token = gateway.fetch_token()
    print(f"token: {token['token_type']}, {token['expires_in']} s, {token['scope']}")
    me = _expect(gateway.call("GET", "/me"), 200)
    print(f"me: {me['client_id']}, {me['profile']}, reuse by {me['policy']['reuse']}")

    first = _expect(gateway.call("POST", "/verifications", BIRTH | CITIZEN | {"claim": CLAIM}), 200, 201)
    _expect_member(first, "verdict", "confirmed")
    print(f"verified: {first['verdict']}, origin {first['origin']}")

    request = BIRTH | CITIZEN | {"receipt": first["receipt"], "fields": ["full_name", "birth_date"]}
    form = _expect(gateway.call("POST", "/prefills", request), 200)
    for name, field in form["fields"].items():
        _expect_member(field, "state", "filled")
        print(f"filled: {name} {field['value']}")

    following = gateway.call("POST", "/verifications", MARRIAGE | CITIZEN | {"claim": CLAIM})
    reused = me["policy"]["reuse"] == "account"  # else only within one dossier, and this is another one
    _expect_member(_expect(following, 200, 201), "origin", "reuse" if reused else "registry")
    print(f"next procedure: {following.json()['verdict']}, origin {following.json()['origin']}")

    check = _expect(gateway.call("POST", "/receipts/check", {"receipt": first["receipt"]}), 200)
    _expect_member(check, "valid", expected=True)
    print(f"receipt: valid for {check['procedure']}")
    ledger = _expect(gateway.call("POST", "/ledger", {"receipt": first["receipt"]}), 200)
    print("ledger:", *(entry["kind"] for entry in ledger["entries"]))


def read_key(path: Path) -> ECKey:
    """Return the private key of a file. Raises `StepFailed` with the file's name."""
    try:
        key = ECKey.import_key(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise StepFailed(f"{path}: {error.strerror}") from None
    except (JoseError, ValueError):
        raise StepFailed(f"{path} holds no private key as make_key.py writes it") from None
    if not key.is_private:
        raise StepFailed(f"{path} holds the public key: name the file of the private one")
    return key


def _expect(answer: httpx.Response, *statuses: int) -> dict[str, Any]:
    if answer.status_code not in statuses:
        raise StepFailed(f"{answer.request.url.path}: {answer.status_code} {answer.text}")
    members: dict[str, Any] = answer.json()
    return members


def _expect_member(members: dict[str, Any], name: str, expected: object) -> None:
    if members[name] != expected:
        raise StepFailed(f"{name}: expected {expected}, saw {members[name]}")


def _now() -> int:
    return int(time.time())  # noqa: TID251 - a portal uses the machine's clock


def read_issuer(text: str) -> str:
    """Return the address of a profile; its last part is the profile's name."""
    issuer = text.rstrip("/")
    if not issuer.startswith(("http://", "https://")) or not issuer.endswith(("/sandbox", "/official")):
        raise argparse.ArgumentTypeError("such as http://127.0.0.1:8000/official is expected")
    return issuer


def main() -> int:
    """Read the arguments and do all steps."""
    parser = argparse.ArgumentParser(
        description="From a token to a filled form, with private_key_jwt and DPoP.",
        usage="%(prog)s ISSUER CLIENT_ID PRIVATE_KEY_FILE\n"
        "make serve prints the account of official and the file of its key; ISSUER is its address, for example:\n"
        "  %(prog)s http://127.0.0.1:8000/official acc_… var/serve/official-key.jwk.json",
    )
    parser.add_argument("issuer", type=read_issuer, help="such as http://127.0.0.1:8000/official")
    parser.add_argument("client_id", help="as `gateway accounts create` printed it")
    parser.add_argument("key", type=Path, help="the private JWK that make_key.py wrote")
    arguments = parser.parse_args()
    try:
        key = read_key(arguments.key)
        with httpx.Client(timeout=30) as http:
            walk(Gateway(http, arguments.issuer, arguments.client_id, key))
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        print(f"failed: {arguments.issuer} gave no answer ({error})", file=sys.stderr)
        return 1
    except (StepFailed, JoseError, ValueError) as error:
        print(f"failed: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        getattr(stream, "reconfigure", lambda **_: None)(encoding="utf-8")
    sys.exit(main())
