"""How our servers listen: uvicorn with nothing said of itself, no log of its own, no header of a proxy believed."""

import uvicorn
from starlette.types import ASGIApp


def bare_config(app: ASGIApp, *, keep_alive_s: int, shutdown_s: int) -> uvicorn.Config:
    """Return a server's configuration: how long an idle connection is kept, how long a stop waits for answers."""
    return uvicorn.Config(
        app,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",
        timeout_keep_alive=keep_alive_s,
        timeout_graceful_shutdown=shutdown_s,
    )
