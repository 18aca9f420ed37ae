"""Make an account's key: write the private JWK to a file for the portal, print the public one.

    python examples/python/make_key.py PRIVATE_FILE > PUBLIC_FILE

An existing file is not changed. Needs joserfc. The gateway gets only the public file.
"""

import argparse
import json
import os
import sys
from pathlib import Path

from joserfc.jwk import ECKey


def main() -> int:
    """Write the private key and print the public one; return 1 if the file can't be made."""
    parser = argparse.ArgumentParser(
        description="Write a new private key to a file of yours alone, and print its public key.",
        epilog="example: python examples/python/make_key.py portal.jwk.json > portal.public.jwk.json",
    )
    parser.add_argument("file", type=Path, help="where the private JWK goes; an existing file is not changed")
    file = parser.parse_args().file
    key = ECKey.generate_key("P-256")
    try:
        _write_private(file, json.dumps(key.as_dict(private=True)))
    except OSError as error:
        print(f"failed: {file}: {error.strerror}", file=sys.stderr)
        return 1
    print(json.dumps(key.as_dict(private=False)))
    return 0


def _write_private(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
