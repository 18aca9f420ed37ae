"""The portal's own store: sessions and dossiers in SQLite, sealed; all its SQL.

A row says whose it is by a keyed name, and what it holds only under the key (`sealing.py`). Deleted rows are
overwritten (`secure_delete`). Sessions end after their hours, dossiers after the retention.
"""

import fcntl
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from portal.dossiers.model import Dossier, read_dossier
from portal.errors import DossierChanged, DossierGone, StartRefused, TooManyDossiers
from portal.sealing import SealBroken, Sealer

SESSION_HOURS = 2
_WRITES = "writes"
"""The execution option of connections that write."""

_metadata = sa.MetaData()
_sessions = sa.Table(
    "sessions",
    _metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("until", sa.Integer, nullable=False, index=True),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
)
_dossiers = sa.Table(
    "dossiers",
    _metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("owner", sa.Text, nullable=False, index=True),
    sa.Column("until", sa.Integer, nullable=False, index=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
)


class Store:
    """Sessions and dossiers of one portal."""

    def __init__(self, engine: AsyncEngine, sealer: Sealer, *, retention: timedelta) -> None:
        self._engine, self._sealer, self._retention = engine, sealer, retention
        self._writer = engine.execution_options(**{_WRITES: True})

    async def prepare(self) -> None:
        """Make the tables that are missing."""
        async with self._writer.begin() as connection:
            await connection.run_sync(_metadata.create_all)

    async def close(self) -> None:
        """Close the connections."""
        await self._engine.dispose()

    async def open_session(self, content: dict[str, Any], now: datetime) -> str:
        """Store a session and return its secret, which the visitor's cookie holds."""
        secret = secrets.token_urlsafe(32)
        name = self._sealer.name("session", secret)
        until = int((now + timedelta(hours=SESSION_HOURS)).timestamp())
        async with self._writer.begin() as connection:
            await connection.execute(
                _sessions.insert().values(name=name, until=until, sealed=self._sealer.seal(content, row=name))
            )
        return secret

    async def find_session(self, secret: str, now: datetime) -> dict[str, Any] | None:
        """Return a session; None if it has ended."""
        name = self._sealer.name("session", secret)
        query = sa.select(_sessions.c.sealed).where(
            _sessions.c.name == name, _sessions.c.until > int(now.timestamp())
        )
        async with self._engine.connect() as connection:
            sealed = (await connection.execute(query)).scalar()
        return None if sealed is None else dict(self._sealer.open(sealed, row=name))

    async def end_session(self, secret: str) -> None:
        """Delete a session."""
        name = self._sealer.name("session", secret)
        async with self._writer.begin() as connection:
            await connection.execute(_sessions.delete().where(_sessions.c.name == name))

    async def add_dossier(self, dossier: Dossier, owner: str, now: datetime, *, limit: int) -> None:
        """Store a new dossier. Raises `TooManyDossiers` if the owner has as many as `limit`."""
        name = self._sealer.name("owner", owner)
        count = sa.select(sa.func.count()).select_from(_dossiers).where(_dossiers.c.owner == name)
        async with self._writer.begin() as connection:
            if (await connection.execute(count)).scalar_one() >= limit:
                raise TooManyDossiers(limit)
            await connection.execute(
                _dossiers.insert().values(
                    id=dossier.id,
                    owner=name,
                    until=int((now + self._retention).timestamp()),
                    version=dossier.version,
                    sealed=self._seal(dossier, name),
                )
            )

    async def get_dossier(self, dossier_id: str, owner: str, now: datetime) -> Dossier:
        """Return a dossier of this owner. Raises `DossierGone`."""
        name = self._sealer.name("owner", owner)
        query = _kept_of(name, now).where(_dossiers.c.id == dossier_id)
        async with self._engine.connect() as connection:
            row = (await connection.execute(query)).first()
        found = None if row is None else self._open(row, name)
        if found is None:
            raise DossierGone
        return found

    async def save_dossier(self, dossier: Dossier, owner: str) -> int:
        """Store a changed dossier of this owner; return its new version. Raises `DossierChanged` if another window was faster."""
        name, version = self._sealer.name("owner", owner), dossier.version + 1
        change = (
            _dossiers.update()
            .where(
                _dossiers.c.id == dossier.id,
                _dossiers.c.owner == name,
                _dossiers.c.version == dossier.version,
            )
            .values(version=version, sealed=self._seal(dossier, name))
        )
        async with self._writer.begin() as connection:
            if (await connection.execute(change)).rowcount != 1:
                raise DossierChanged
        return version

    async def delete_dossier(self, dossier_id: str, owner: str) -> None:
        """Delete a dossier of this owner."""
        async with self._writer.begin() as connection:
            await connection.execute(
                _dossiers.delete().where(
                    _dossiers.c.id == dossier_id, _dossiers.c.owner == self._sealer.name("owner", owner)
                )
            )

    async def list_dossiers(self, owner: str, now: datetime) -> Sequence[Dossier]:
        """Return the owner's dossiers that can be opened, newest first."""
        name = self._sealer.name("owner", owner)
        query = _kept_of(name, now).order_by(_dossiers.c.until.desc()).limit(100)
        async with self._engine.connect() as connection:
            rows = (await connection.execute(query)).all()
        return [found for row in rows if (found := self._open(row, name)) is not None]

    def _seal(self, dossier: Dossier, owner: str) -> bytes:
        return self._sealer.seal({"owner": owner, **asdict(dossier)}, row=dossier.id)

    def _open(self, row: Any, owner: str) -> Dossier | None:
        """Return the dossier of a row; None if it was changed, or was sealed for another owner.

        Whoever writes the store can change the column of the owner, not what is sealed. Rows from before this check have
        no owner inside.
        """
        try:
            content = dict(self._sealer.open(row.sealed, row=row.id))
        except SealBroken:
            return None
        if content.pop("owner", owner) != owner:
            return None
        return read_dossier(content, row.version)

    async def sweep(self, now: datetime) -> None:
        """Delete what has ended."""
        async with self._writer.begin() as connection:
            for table in (_sessions, _dossiers):
                await connection.execute(table.delete().where(table.c.until <= int(now.timestamp())))


def _kept_of(owner: str, now: datetime) -> sa.Select[Any]:
    return sa.select(_dossiers.c.id, _dossiers.c.version, _dossiers.c.sealed).where(
        _dossiers.c.owner == owner, _dossiers.c.until > int(now.timestamp())
    )


@contextmanager
def only_portal(url: str) -> Iterator[None]:
    """Keep other portals from the store of a `sqlite:///` URL while a block runs: each would count rates and sign-ins alone.

    Raises:
        StartRefused: another portal serves it, or its folder can't be written.
    """
    try:
        path = _path_of(url).resolve()
        lock = path.with_name(f"{path.name}.lock")
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise StartRefused(f"{url}: no lock can be made beside it ({error.strerror})") from None
    with os.fdopen(descriptor):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StartRefused(
                f"{path}: another portal serves it; end that one, or set another PORTAL_DATABASE_URL"
            ) from None
        yield


def _path_of(url: str) -> Path:
    """Return the file of a `sqlite:///` URL; its folder is made for its owner only."""
    path = Path(url.removeprefix("sqlite:///"))
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def open_store(url: str, sealer: Sealer, *, retention: timedelta) -> Store:
    """Return the store of a `sqlite:///` URL."""
    path = _path_of(url)
    path.touch(mode=0o600)
    engine = create_async_engine(f"sqlite+aiosqlite:///{path}")

    @event.listens_for(engine.sync_engine, "connect")
    def set_up(connection: Any, record: object) -> None:
        del record
        connection.isolation_level = None
        for pragma in ("journal_mode=DELETE", "secure_delete=ON", "busy_timeout=5000"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Any) -> None:
        # A reader waits for no writer, except during a commit.
        writes = connection.get_execution_options().get(_WRITES)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return Store(engine, sealer, retention=retention)
