"""The one place where the parts meet: store, keys, clock, catalogue and places.

Nothing is built at import. Tests call the same functions with other parts: another clock, another transport.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

from gateway.audit.log import AuditLog
from gateway.audit.refusals import Refusals
from gateway.clock import Clock
from gateway.database import WAIT_SECONDS, Database, database_path, open_database
from gateway.deployment import find_base, record_base
from gateway.errors.commands import SettingInvalid
from gateway.errors.places import Overloaded
from gateway.keys.master import MasterFile, load_or_make_master_key, parse_master_key
from gateway.keys.store import reseal_keys
from gateway.keys.vault import Reseal, Vault
from gateway.operators.store import reseal_totp_secrets
from gateway.parts import Parts
from gateway.places import Profile
from gateway.private_folder import make_private_folder
from gateway.procedures.catalogue import load_catalogue
from gateway.profiles.connections import Opener
from gateway.profiles.first_revision import settle_first_revision
from gateway.profiles.links import Links, OpenRegistry
from gateway.profiles.model import Gateway, Places
from gateway.profiles.revisions import Revision
from gateway.profiles.store import read_standings, reseal_secrets
from gateway.schema import migrate, require_current
from gateway.settings import DEFAULT_BASE, Settings

HANGS_ON_MASTER: tuple[Reseal, ...] = (reseal_keys, reseal_secrets, reseal_totp_secrets)
"""What is sealed under the master key itself, a table each: `keys rotate master` seals all of it anew at once."""


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
    vault = _open_vault(settings)
    database = open_database(settings.database_url, statement_seconds=WAIT_SECONDS)
    try:
        if database.embedded:
            await migrate(database, clock)
        else:
            await require_current(database)
        await vault.open(database, clock)
        public = settings.public_url or await _settle_base(database, base)
        audit = AuditLog(database)
        parts = Parts(
            database=database,
            audit=audit,
            refusals=Refusals(audit, clock),
            clock=clock,
            catalogue=load_catalogue(),
            base=public,
        )
        links = Links(open_registry)
        opener = Opener(settings, base=public, links=links)
        try:
            waiting = await _settle_first(parts, vault, opener) if links.can_open else []
            places = await _open_places(parts, vault, opener)
            gateway = Gateway(parts=parts, places=places, vault=vault, opener=opener)
            await _propose(gateway, waiting)
            yield gateway
        finally:
            await links.aclose()
            with suppress(Overloaded):  # the store is away: the log and the metrics have them
                await parts.refusals.flush(unfinished=True)
            await parts.audit.aclose()
    finally:
        await database.close()


async def _settle_first(parts: Parts, vault: Vault, opener: Opener) -> list[Revision]:
    """Let the settings make each profile's first revision; return those that somebody must yet approve."""
    found = [await settle_first_revision(parts, opener, profile, master=vault.master) for profile in Profile]
    return [revision for revision in found if revision is not None]


async def _propose(gateway: Gateway, waiting: Sequence[Revision]) -> None:
    if waiting:
        from gateway.changes.first_proposal import propose_first  # noqa: PLC0415 - brings the wire's libraries

        for revision in waiting:
            await propose_first(gateway, revision)


async def _open_places(parts: Parts, vault: Vault, opener: Opener) -> Places:
    """Open the places as they stand."""
    async with parts.database.read() as transaction:
        rings = await vault.read(transaction)
        found = await read_standings(transaction, master=vault.master)
    return Places(opener.open_all(rings.keys, found, {}), epoch=rings.epoch)


def _open_vault(settings: Settings) -> Vault:
    if settings.master_key is not None:
        master = parse_master_key(settings.master_key.get_secret_value())
        named = settings.master_key_file
        setting_file = None if named is None else MasterFile(path=named.absolute())
        return Vault(master, file=None, hanging=HANGS_ON_MASTER, setting_file=setting_file)
    if not settings.database_url.startswith("sqlite:///"):
        raise SettingInvalid(
            "GATEWAY_MASTER_KEY (or _FILE) is compulsory on PostgreSQL: 32 bytes as base64url"
        )
    folder = database_path(settings.database_url).parent
    try:
        make_private_folder(folder)
        path = folder / "master.key"
        master = load_or_make_master_key(path)
        return Vault(master, file=MasterFile(path=path), hanging=HANGS_ON_MASTER)
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
