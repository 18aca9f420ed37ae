"""`gateway keys`: which keys there are; never a key."""

import typer

from gateway.clock import rfc3339
from gateway.terminal import AsJson, OpenGateway, new_typer, print_json, print_table, run


def build_cli(open_gateway: OpenGateway) -> typer.Typer:
    """Return the commands on keys."""
    app = new_typer("Signing and look-up keys, sealed under the master key.")

    @app.callback()
    def group() -> None:
        pass

    @app.command("list", epilog="Example: gateway keys list --json")
    def list_all(*, as_json: AsJson = False) -> None:
        """List the keys of both profiles by purpose; the newest of a purpose is the one in use."""

        async def work() -> list[dict[str, object]]:
            async with open_gateway() as gateway:
                return [
                    {
                        "kid": key.kid,
                        "profile": key.profile.value,
                        "purpose": key.purpose.value,
                        "serial": key.serial,
                        "created_at": rfc3339(key.created_at),
                    }
                    for place in gateway.places.values()
                    for key in place.keys.keys
                ]

        found = run(work())
        if as_json:
            print_json(found)
            return
        header = ("KID", "PROFILE", "PURPOSE", "NO", "CREATED_AT")
        print_table(header, [[str(value) for value in row.values()] for row in found])

    return app
