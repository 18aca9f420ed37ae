"""Open the gateway: build one object from settings, store, keys, catalogue and profiles; no other file builds them.

Importing builds nothing. Tests call the same function with another clock or registry.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

from gateway.accounts.kept_store import open_kept
from gateway.audit.log import AuditLog
from gateway.audit.model import EntryMacs
from gateway.audit.refusals import Refusals
from gateway.audit.sequencer import Sequencer
from gateway.audit.state_store import begin_evidence
from gateway.bounded_files import why_unread
from gateway.clock import Clock
from gateway.deployment import find_base, record_base
from gateway.errors.operators import SettingInvalid, StoreMissing
from gateway.errors.requests import Overloaded
from gateway.keys.model import parse_master_key
from gateway.keys.store import reseal_keys
from gateway.keys.vault import MasterFile, Reseal, Vault, load_or_make_master_key
from gateway.operators.store import reseal_totp_secrets
from gateway.private_files import make_private_folder
from gateway.profiles.model import ClientPool, Dependencies, Gateway, OpenRegistry, Places
from gateway.profiles.places import create_first_revision, open_places
from gateway.profiles.revisions import Revision
from gateway.profiles.store import read_states, reseal_secrets
from gateway.schema import migrate, require_current, require_store
from gateway.settings import DEFAULT_BASE, Settings
from gateway.storage.checkpoint_copies import open_copies
from gateway.storage.database import WAIT_SECONDS, Database, find_store_file, open_database
from gateway.storage.heads import find_head_file, find_signed, require_not_older

if TYPE_CHECKING:
    from gateway.procedures.catalogue import Catalogue

SEALED_UNDER_MASTER: tuple[Reseal, ...] = (reseal_keys, reseal_secrets, reseal_totp_secrets)
"""One function for each table sealed under the master key; `keys rotate master` calls all of them in one commit."""


@asynccontextmanager
async def open_gateway(
    settings: Settings,
    *,
    clock: Clock,
    base: str | None = None,
    open_registry: OpenRegistry | None = None,
    create: bool = True,
) -> AsyncIterator[Gateway]:
    """Open store, keys and profiles for the block, then close them. Without `open_registry` nothing can be asked.

    `base` is the server's address, stored for commands; `create`: make an embedded store and its master key.

    Raises:
        SettingInvalid, MasterKeyWrong, SchemaOld, StoreMissing (without `create`), StateWrong (the store went back or lost a key)
    """
    vault = open_vault(settings, create=create)
    database, head = _open_database(settings), find_head_file(settings)
    try:
        if database.embedded:
            await migrate(database, clock)
        else:
            await require_current(database)
        if base is not None:
            await require_not_older(database, head)
        rings = await vault.open(database, clock)
        public = settings.public_url or await _settle_base(database, base)
        audit = AuditLog(database, EntryMacs(rings.evidence))
        deps = Dependencies(
            database=database,
            audit=audit,
            refusals=Refusals(audit, clock),
            clock=clock,
            load_catalogue=_load_catalogue,
            base=public,
            kept=open_kept(database),
        )
        clients = ClientPool(open_registry, only=settings.serve_profile)
        sequencer = Sequencer(database, vault, clock, base=public, find_signed=partial(find_signed, head))
        try:
            unapproved: list[Revision | None] = []
            if clients.can_open:
                unapproved = [
                    await create_first_revision(deps, settings, clients, profile, master=vault.master)
                    for profile in clients.served
                ]
            gateway = Gateway(
                deps=deps,
                places=await _open_places(deps, settings, clients, vault),
                vault=vault,
                settings=settings,
                clients=clients,
                sequencer=sequencer,
                copies=open_copies(settings),
            )
            await _propose(gateway, [revision for revision in unapproved if revision is not None])
            yield gateway
        finally:
            await _close(deps, clients, sequencer)
    finally:
        await database.close()


async def _close(deps: Dependencies, clients: ClientPool, sequencer: Sequencer) -> None:
    """End what runs, write the counted refusals, and give the appended entries their rows."""
    for task in deps.tasks:
        task.cancel()
    await clients.aclose()
    with suppress(Overloaded):  # if the store is down, the refusals are in the log and the metrics
        await deps.refusals.flush(unfinished=True)
    await deps.kept.versions.aclose()
    await deps.audit.aclose()
    if deps.audit.appended:
        await sequencer.try_run(deps.audit)


async def _propose(gateway: Gateway, unapproved: Sequence[Revision]) -> None:
    """Propose the first revisions, which an operator must approve."""
    if unapproved:
        from gateway.changes.propose import propose_first  # noqa: PLC0415 - loads the libraries for HTTP and XML

        for revision in unapproved:
            await propose_first(gateway, revision)


async def _open_places(deps: Dependencies, settings: Settings, clients: ClientPool, vault: Vault) -> Places:
    """Open the profiles with their present keys and states."""
    async with deps.database.read() as transaction:
        rings = await vault.read(transaction)
        found = await read_states(transaction, master=vault.master, opened=clients.served)
    places = open_places(settings, clients, rings.keys, found, {}, base=deps.base)
    return Places(places, epoch=rings.epoch)


def _open_database(settings: Settings) -> Database:
    return open_database(
        settings.database_url,
        statement_seconds=WAIT_SECONDS,
        connections=settings.database_connections,
    )


def open_vault(settings: Settings, *, create: bool) -> Vault:
    """Return the vault with the master key; raises as `open_gateway`."""
    store = find_store_file(settings.database_url)
    if store is not None and not create:
        require_store(store)
    if settings.master_key is not None:
        master = parse_master_key(settings.master_key.get_secret_value())
        named = settings.master_key_file
        setting_file = None if named is None else MasterFile(path=named.absolute())
        return Vault(
            master, file=None, sealed=SEALED_UNDER_MASTER, begin=begin_evidence, setting_file=setting_file
        )
    if store is None:
        raise SettingInvalid(
            "GATEWAY_MASTER_KEY (or _FILE) is required with PostgreSQL: 32 bytes as base64url"
        )
    folder = store.parent
    try:
        make_private_folder(folder)
        path = folder / "master.key"
        if not path.exists() and (not create or (store.exists() and store.stat().st_size > 0)):
            raise StoreMissing(f"no master key at {path}: put back the key that this store was made with")
        master = load_or_make_master_key(path)
        return Vault(master, file=MasterFile(path=path), sealed=SEALED_UNDER_MASTER, begin=begin_evidence)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingInvalid(
            f"{folder / 'master.key'} can't be read or made ({why_unread(error)}): set GATEWAY_MASTER_KEY"
        ) from error


def _load_catalogue() -> Catalogue:
    from gateway.procedures.catalogue import load_catalogue  # noqa: PLC0415 - only commands on rights need it

    return load_catalogue()


async def _settle_base(database: Database, base: str | None) -> str:
    """Store the address of this server and return it; without one, return the last stored address."""
    if base is None:
        async with database.read() as connection:
            return await find_base(connection) or DEFAULT_BASE
    async with database.write() as connection:
        await record_base(connection, base)
    return base
