"""C06's own login as three public clients compute it: Basic over address, user, time and secret."""

import base64
import hashlib


def basic(url: str, user: str, secret: str, timestamp: str) -> str:
    """Write the `Authorization` header of one call."""
    password = hashlib.sha256(f"{url}{user}{timestamp}{secret}".encode()).hexdigest()
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
