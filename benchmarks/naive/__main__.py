"""`python -m benchmarks.naive URL USER AGENCY DATABASE PORT [--shared]`: serve the naive gateway; secrets by standard input.

With `--shared` all questions go through one HTTP client, else each through a new one.
"""

import sys

import httpx
import uvicorn

from benchmarks.command import make_parser
from benchmarks.naive.app import Registry, build_app

if __name__ == "__main__":
    parser = make_parser(__doc__)
    for name in ("url", "user", "agency", "database"):
        parser.add_argument(name, metavar=name.upper())
    parser.add_argument("port", type=int, metavar="PORT")
    parser.add_argument("--shared", action="store_true", help="one HTTP client for all questions")
    given = parser.parse_args()
    secret, token_key = sys.stdin.read().split()
    app = build_app(
        Registry(url=given.url, user=given.user, secret=secret, agency=given.agency),
        database=given.database,
        token_key=token_key.encode(),
        client=httpx.Client(trust_env=False) if given.shared else None,
    )
    uvicorn.run(app, port=given.port, log_level="warning", access_log=False)
