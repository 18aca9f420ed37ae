"""`python -m benchmarks.naive URL USER AGENCY DATABASE`: serve the naive gateway; secrets by standard input."""

import sys

import uvicorn

from benchmarks.naive.app import Registry, build_app

if __name__ == "__main__":
    url, user, agency, database, port = sys.argv[1:]
    secret, token_key = sys.stdin.read().split()
    app = build_app(
        Registry(url=url, user=user, secret=secret, agency=agency),
        database=database,
        token_key=token_key.encode(),
    )
    uvicorn.run(app, port=int(port), log_level="warning", access_log=False)
