"""Make an account's key: write the private JWK to a file for the portal, print the public one.

    python examples/python/make_key.py PRIVATE_FILE > PUBLIC_FILE

An existing file is not changed. Needs joserfc. The gateway gets only the public file.
"""

import json
import os
import sys
from pathlib import Path

from joserfc.jwk import ECKey


def main(arguments: list[str]) -> int:
    """Write the private key and print the public one; return 1 if the file exists already, 2 for wrong usage."""
    if len(arguments) != 1:
        print("usage: make_key.py PRIVATE_FILE > PUBLIC_FILE", file=sys.stderr)
        return 2
    key = ECKey.generate_key("P-256")
    try:
        _write_private(Path(arguments[0]), json.dumps(key.as_dict(private=True)))
    except OSError as error:
        print(f"failed: {arguments[0]}: {error.strerror}", file=sys.stderr)
        return 1
    print(json.dumps(key.as_dict(private=False)))
    return 0


def _write_private(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
