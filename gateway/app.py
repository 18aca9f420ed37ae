"""The one place where the parts meet: store, keys, clock, catalogue and places.

Nothing is built at import. Tests call the same functions with other parts: another clock, another transport.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.audit.log import AuditLog
from gateway.clock import Clock
from gateway.database import Database, database_path, open_database
from gateway.deployment import find_base, record_base
from gateway.errors import SettingInvalid
from gateway.keys.master import load_or_make_master_key, parse_master_key
from gateway.keys.use_cases import open_key_ring
from gateway.parts import Parts
from gateway.places import Profile
from gateway.procedures.catalogue import load_catalogue
from gateway.profiles.connections import OpenRegistry, open_place
from gateway.profiles.model import Gateway
from gateway.schema import migrate, require_current
from gateway.settings import DEFAULT_BASE, Settings


@asynccontextmanager
async def open_gateway(
    settings: Settings,
    *,
    clock: Clock,
    base: str | None = None,
    open_registry: OpenRegistry | None = None,
) -> AsyncIterator[Gateway]:
    """Open store, keys and places; close them at the end. Without `open_registry` nothing can be asked.

    `base` is the address listened on, remembered for commands; `GATEWAY_PUBLIC_URL` wins over it.

    Raises:
        SettingInvalid, MasterKeyWrong, SchemaOld
    """
    master = _master_key(settings)
    database = open_database(settings.database_url)
    try:
        if database.embedded:
            await migrate(database)
        else:
            await require_current(database)
        rings = await open_key_ring(database, master=master, clock=clock)
        public = settings.public_url or await _settle_base(database, base)
        parts = Parts(
            database=database,
            audit=AuditLog(database),
            clock=clock,
            catalogue=load_catalogue(),
            base=public,
        )
        places = {
            profile: open_place(
                profile,
                settings,
                base=public,
                keys=rings[profile],
                open_registry=open_registry,
            )
            for profile in Profile
        }
        try:
            yield Gateway(parts=parts, places=places)
        finally:
            for place in places.values():
                if place.link is not None:
                    await place.link.registry.aclose()
            await parts.audit.aclose()
    finally:
        await database.close()


def _master_key(settings: Settings) -> bytes:
    if settings.master_key is not None:
        return parse_master_key(settings.master_key.get_secret_value())
    if not settings.database_url.startswith("sqlite:///"):
        raise SettingInvalid(
            "GATEWAY_MASTER_KEY (or _FILE) is compulsory on PostgreSQL: 32 bytes as base64url"
        )
    folder = database_path(settings.database_url).parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return load_or_make_master_key(folder / "master.key")
    except (OSError, UnicodeDecodeError) as error:
        kind = type(error).__name__
        raise SettingInvalid(
            f"{folder / 'master.key'} can't be read or made ({kind}): set GATEWAY_MASTER_KEY"
        ) from error


async def _settle_base(database: Database, base: str | None) -> str:
    """Remember the address listened on, or recall the last one."""
    if base is None:
        async with database.read() as connection:
            return await find_base(connection) or DEFAULT_BASE
    async with database.write() as connection:
        await record_base(connection, base)
    return base
