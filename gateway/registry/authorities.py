"""Authorities of a deployment's own: whom alone a profile trusts to vouch for its registry, where a file names them.

A deployment setting, never a member of a revision. See docs/decisions/0061.
"""

import ssl
from pathlib import Path

_REMEDY = "name a PEM file of the authorities to trust, or leave the setting out"


def read_authorities(path: Path) -> str:
    """Return the PEM text of a file of authorities; raises `ValueError` that says what is wrong and what to do.

    Remarks between the certificates may be in any language: what is not ASCII is no part of one.
    """
    try:
        found = path.read_bytes().decode("ascii", errors="ignore")
    except (OSError, ValueError) as error:
        raise ValueError(f"can't read the file it names ({type(error).__name__}); {_REMEDY}") from None
    try:
        trusting(found)
    except (ssl.SSLError, ValueError):
        raise ValueError(
            f"the file it names holds no certificate in PEM, or a broken one; {_REMEDY}"
        ) from None
    return found


def trusting(authorities: str) -> ssl.SSLContext:
    """Return what trusts these authorities and none else; raises `ssl.SSLError` or `ValueError` where there is none.

    Built by hand, so that it is one and the same under every Python: from 3.13 on the library's own refuses an authority
    made by plain `openssl req -x509`, and before 3.13 one whose own authority is not in the file.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cadata=authorities)
    return context
