"""`python -m benchmarks.naive URL USER AGENCY DATABASE PORT [--shared]`: serve the naive gateway; secrets by standard input.

With `--shared` all questions go through one HTTP client, else each through a new one.
"""

import sys

import httpx
import uvicorn

from benchmarks.naive.app import Registry, build_app

if __name__ == "__main__":
    url, user, agency, database, port, *shared = sys.argv[1:]
    secret, token_key = sys.stdin.read().split()
    app = build_app(
        Registry(url=url, user=user, secret=secret, agency=agency),
        database=database,
        token_key=token_key.encode(),
        client=httpx.Client(trust_env=False) if shared else None,
    )
    uvicorn.run(app, port=int(port), log_level="warning", access_log=False)
