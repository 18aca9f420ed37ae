"""Why a login failed: for the journal, `mock-c06 explain` and the report card. The wire never says it.

A digest that does not fit is compared with those of the usual mistakes (another URL, capital letters, another unit of
time), always with all of them: the answer takes as long for an unknown user as for a wrong secret. The formula is in
docs/mock-clients.md.
"""

import hashlib
from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import partial
from urllib.parse import urlsplit

from mock_c06.operations import Operation


class LoginFailure(StrEnum):
    """The reasons of a failed login; the journal's `reason`."""

    NO_LOGIN = "no_login"
    NO_TIMESTAMP = "no_timestamp"
    UNKNOWN_USER = "unknown_user"
    ENVIRONMENT = "environment"
    SECRET = "secret"  # noqa: S105 - a reason, not a secret
    HASH_CASE = "hash_case"
    URL = "url"
    SECONDS = "seconds"
    MILLISECONDS = "milliseconds"
    STALE = "stale"
    REPLAYED = "replayed"
    LOCKED = "locked"
    SUSPENDED = "suspended"
    REVOKED = "revoked"
    NOT_ACTIVE = "not_active"
    TOKEN_UNKNOWN = "token_unknown"  # noqa: S105 - a reason, not a secret
    TOKEN_EXPIRED = "token_expired"  # noqa: S105 - a reason, not a secret
    ADAPTER = "adapter"


REMEDIES: Mapping[LoginFailure, tuple[str, str]] = {
    LoginFailure.NO_LOGIN: (
        "Gửi tiêu đề Authorization: Basic (SOAP, /token) hoặc Bearer (LGSP) đọc được.",
        "Send a readable Authorization header: Basic (SOAP, /token) or Bearer (LGSP).",
    ),
    LoginFailure.NO_TIMESTAMP: (
        "Gửi tiêu đề Timestamp với đúng chuỗi đã dùng để băm.",
        "Send the Timestamp header, with the very text that was hashed.",
    ),
    LoginFailure.UNKNOWN_USER: (
        "Không có tài khoản nào có tên hoặc khóa này: xem mock-c06 accounts.",
        "No account has this user or key: see mock-c06 accounts.",
    ),
    LoginFailure.ENVIRONMENT: (
        "Tài khoản thuộc môi trường kia: đổi địa chỉ (8100 test, 8110 official) hoặc đổi tài khoản.",
        "The account belongs to the other environment: change the address (8100 test, 8110 official) or the account.",
    ),
    LoginFailure.SECRET: (
        "Mã băm không khớp: kiểm tra secret, thứ tự url + user + timestamp + secret, và tên máy trong địa chỉ.",
        "The digest does not fit: check the secret, the order url + user + timestamp + secret, and the URL's host.",
    ),
    LoginFailure.HASH_CASE: ("Viết mã băm bằng chữ thường.", "Write the digest in lower-case hex."),
    LoginFailure.URL: (
        "Băm đúng địa chỉ tuyệt đối đã gọi: có giao thức, cổng, lượt chạy; không có phần sau dấu hỏi.",
        "Hash the absolute URL as called: with scheme, port and run, without the query.",
    ),
    LoginFailure.SECONDS: (
        "Timestamp tính bằng mili giây từ 1970, ở tiêu đề và trong mã băm.",
        "Count Timestamp in milliseconds since 1970, in the header and in the digest.",
    ),
    LoginFailure.MILLISECONDS: (
        "Tài khoản này tính Timestamp bằng giây (switch seconds).",
        "This account counts Timestamp in seconds (switch seconds).",
    ),
    LoginFailure.STALE: (
        "Timestamp lệch quá 5 phút so với đồng hồ máy chủ: chỉnh đồng hồ, ký lại mỗi lần gọi.",
        "Timestamp is more than 5 minutes from the server's clock: set the clock, sign each call anew.",
    ),
    LoginFailure.REPLAYED: (
        "Cùng Timestamp và cùng nội dung đã đến trong 5 phút: ký lại cho lần gọi sau.",
        "The same Timestamp with the same body came within 5 minutes: sign the next call anew.",
    ),
    LoginFailure.LOCKED: (
        "Sai nhiều lần liên tiếp: chờ 15 phút, hoặc PATCH tài khoản với locked: false.",
        "Too many wrong logins in a row: wait 15 minutes, or PATCH the account with locked: false.",
    ),
    LoginFailure.SUSPENDED: ("Tài khoản đang bị tạm ngừng.", "The account is suspended."),
    LoginFailure.REVOKED: ("Tài khoản đã bị thu hồi.", "The account is revoked."),
    LoginFailure.NOT_ACTIVE: ("Tài khoản chưa được kích hoạt.", "The account is not active yet."),
    LoginFailure.TOKEN_UNKNOWN: (
        "Token không do lượt chạy này cấp: gọi /token của cùng lượt chạy.",
        "This run issued no such token: call /token of the same run.",
    ),
    LoginFailure.TOKEN_EXPIRED: ("Token đã hết hạn: xin token mới.", "The token has expired: get a new one."),
    LoginFailure.ADAPTER: (
        "Tiêu đề lgspaccesstoken thiếu hoặc sai: base64 của JSON với năm giá trị của tài khoản.",
        "The lgspaccesstoken header is missing or wrong: base64 of JSON with the account's five values.",
    ),
}


def digest(*, url: str, user: str, timestamp: str, secret: str) -> str:
    """Compute the password: SHA-256 in hex over the concatenated texts."""
    return hashlib.sha256(f"{url}{user}{timestamp}{secret}".encode()).hexdigest()


def diagnose(
    *, sent: str, url: str, query: str, user: str, timestamp: str, secret: str
) -> tuple[LoginFailure, str | None]:
    """Return which usual mistake makes a digest that does not fit, and what was hashed; else `SECRET`.

    `url` is as called; `query`, which may be empty, belongs to no digest.
    """
    lower, digest_of = sent.lower(), partial(digest, user=user, secret=secret)
    urls = [each for each in _other_urls(url, query) if digest_of(url=each, timestamp=timestamp) == lower]
    times = [each for each in _other_units(timestamp) if digest_of(url=url, timestamp=each) == lower]
    if digest_of(url=url, timestamp=timestamp) == lower:
        return LoginFailure.HASH_CASE, None
    if urls:
        return LoginFailure.URL, f"hashed {urls[0] or 'no URL'}, called {url}"
    return (
        (LoginFailure.SECONDS, "the digest counts in another unit") if times else (LoginFailure.SECRET, None)
    )


def _other_units(timestamp: str) -> tuple[str, str]:
    return timestamp[:-3], f"{timestamp}000"


_PORTS = ("", ":80", ":443", ":8100", ":8110")


def _other_urls(url: str, query: str) -> Iterator[str]:
    """Return the URLs that clients hash by mistake: without scheme, run or path, with a query, of another operation,
    another port or another name of this machine. A host that only the client knows can't be among them."""
    parts = urlsplit(url)
    path = parts.path
    base = "/".join(path.split("/")[:3]) if path.startswith("/r/") else ""
    inside = path.removeprefix(base)
    tails = (inside, f"{inside}/", "", "/", "/soap", "/token", *(f"/{each}" for each in Operation))
    paths = [
        *dict.fromkeys(f"{one}{tail}" for one in (base, "") for tail in tails),
        f"{path}?wsdl",
        f"{path}?{query}",
    ]
    names = dict.fromkeys((parts.hostname or "", "localhost", "127.0.0.1"))
    own = f":{parts.port}" if parts.port else ""
    hosts = dict.fromkeys(f"{name}{port}" for name in names for port in (own, *_PORTS))
    yield from ("", f"{parts.netloc}{path}", *(each for each in paths if each))
    for scheme in ("http", "https"):
        for host in (parts.netloc, *hosts):
            for tail in paths if host == parts.netloc else (path, inside):
                if (other := f"{scheme}://{host}{tail}") != url:
                    yield other
