"""Follow a log: read its checkpoint, prove from the tiles that the tree only grew, cosign, and stop for ever at a fork.

The log's keys are those of the first contact, or given. A later key counts once a checkpoint is signed by it and by a known key,
as a rotation does; once it signs alone, the keys before it are retired and never count again. Source: C2SP tlog-cosignature.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import StrEnum

from witness.errors import (
    CheckpointRefused,
    LogForked,
    LogShrunk,
    LogUnreachable,
    NoteInvalid,
    WitnessError,
)
from witness.log_client import LogClient
from witness.notes import (
    Algorithm,
    Checkpoint,
    Cosigner,
    VerifierKey,
    find_signed,
    parse_checkpoint,
    parse_keys,
)
from witness.record import Fork, Record, RecordFile
from witness.tree import Edge

_TRIES = 2
"""How often the tiles are read before they count as wrong: one answer may have been damaged on its way."""

CHECK_S = 60.0
"""Limit of one check with all its answers: a log that trickles is not followed, and the state must say so."""

_MOST_KEYS = 256
"""Limit of a log's keys, former ones too: the record keeps them all, and is read up to a limit."""

log = logging.getLogger("witness")


class State(StrEnum):
    """What the last check found."""

    STARTING = "starting"
    FOLLOWING = "following"
    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    SHRUNK = "shrunk"
    FORKED = "forked"

    @property
    def is_alarm(self) -> bool:
        """Return whether the log's operator has to answer for what was found."""
        return self in {State.SHRUNK, State.FORKED}


class Witness:
    """One witness of one log. `checks` counts outcomes; `reason` says why the last check failed, "" if it did not."""

    def __init__(
        self,
        client: LogClient,
        cosigner: Cosigner,
        file: RecordFile,
        *,
        now: Callable[[], int],
        keys: Sequence[VerifierKey] = (),
        limit: float = CHECK_S,
    ) -> None:
        self.record = file.read()
        self.state, self.reason = State.STARTING, ""
        self.checks = dict.fromkeys(State, 0)
        self._unwritten = ""  # why the evidence of a fork is not in the record yet
        self._client, self._cosigner, self._file, self._now = client, cosigner, file, now
        self._given, self._limit = tuple(keys), limit
        if self.record.fork is not None:
            self._settle(State.FORKED, self.record.fork.reason)

    @property
    def key(self) -> VerifierKey:
        """Return the witness's public key."""
        return self._cosigner.key

    async def follow(self, interval: float) -> None:
        """Check the log again and again; after a fork that is in the record do nothing."""
        while self.state is not State.FORKED or self._unwritten:
            try:
                await self.check()
            except Exception as error:  # the outermost edge: it must not end, and still say that it follows
                log.exception("unforeseen")
                self._settle(State.REFUSED, f"unforeseen {type(error).__name__}")
            await asyncio.sleep(interval)

    async def check(self) -> None:
        """Cosign the log's checkpoint, or set the state that says why not. After a fork only write what the disk didn't take."""
        if self.state is State.FORKED:
            if self._unwritten:
                self._keep_fork(self.record)
            return
        try:
            async with asyncio.timeout(self._limit):
                await self._cosign(await self._client.fetch_checkpoint())
        except TimeoutError:
            self._settle(State.UNREACHABLE, f"its answers took over {self._limit:g} s together")
        except LogUnreachable as error:
            self._settle(State.UNREACHABLE, str(error))
        except (CheckpointRefused, NoteInvalid) as error:
            self._settle(State.REFUSED, str(error))
        except LogShrunk as error:
            self._settle(State.SHRUNK, str(error))
        except LogForked as error:
            self._settle(State.FORKED, str(error))
        except OSError as error:
            self._settle(State.UNREACHABLE, f"the record can't be written: {error.strerror}")
        else:
            self._settle(State.FOLLOWING, "")

    async def _cosign(self, note: str) -> None:
        checkpoint = parse_checkpoint(note)
        record = await self._learn_keys(checkpoint)
        edge = await self._grow(checkpoint)
        cosigned = self._cosigner.cosign(checkpoint, log=record.keys, now=self._now())
        self._keep(replace(record, origin=checkpoint.origin, edge=edge, note=cosigned))

    async def _learn_keys(self, checkpoint: Checkpoint) -> Record:
        """Return the record with the keys that count after a checkpoint that one of them has signed. Raises `WitnessError`."""
        record = self.record
        if record.origin and checkpoint.origin != record.origin:
            raise CheckpointRefused(f"a checkpoint of another log: {checkpoint.origin}")
        known = [key for key in (*record.keys, *self._given) if key not in record.retired]
        signers = {
            (each.name, each.key_id) for each in checkpoint.signatures if each.name == checkpoint.origin
        }
        published: list[VerifierKey] = []
        are_known = signers <= {(key.name, key.id) for key in (*known, *record.retired)}
        # Anybody can add a signature to a note: once the log is known, only its own answer says that the key is the log's.
        if not known or (self._client.is_authentic and not are_known):
            published = parse_keys(await self._client.fetch_keys())
        signed = find_signed(checkpoint, [key for key in (*known, *published) if key not in record.retired])
        keys = [each.key for each in signed if each.key.algorithm is Algorithm.ED25519]
        if not keys or (known and not set(keys) & set(known)):
            raise CheckpointRefused(f"the checkpoint of {checkpoint.origin} is not signed by its known key")
        if len({*keys, *record.keys, *record.retired}) > _MOST_KEYS:
            raise CheckpointRefused(f"{checkpoint.origin} has had over {_MOST_KEYS} keys")
        learned = self._order(keys)
        newest = max(map(learned.index, keys))
        retired = [key for key in learned[:newest] if key not in keys]
        return replace(
            record,
            keys=tuple(key for key in learned if key in keys or (key in record.keys and key not in retired)),
            retired=(*record.retired, *retired),
        )

    def _order(self, signers: Sequence[VerifierKey]) -> list[VerifierKey]:
        """Return the known keys and those of valid signatures, the oldest first; a log names its newest key first.

        Whoever is on the way can change the order of the signatures, not of the record or of given keys.
        """
        given = [key for key in reversed(self._given) if key not in self.record.retired]
        known = self.record.keys
        older = given[: next((at for at, key in enumerate(given) if key in known), 0)]
        return list(dict.fromkeys([*older, *known, *given, *reversed(signers)]))

    async def _grow(self, checkpoint: Checkpoint) -> Edge:
        """Return the edge of the checkpoint's tree, proved to contain the cosigned one. Raises `LogShrunk`, `LogForked`."""
        edge = self.record.edge
        if checkpoint.size < edge.size:
            # No fork yet: whoever is on the way can replay an older checkpoint. Other rows in their place will be one.
            raise LogShrunk(f"the log had {edge.size} rows and now shows {checkpoint.size}")
        if checkpoint.size == edge.size and checkpoint.root != edge.root():
            raise self._forked(checkpoint, f"two different trees of {edge.size} rows")
        for _ in range(_TRIES):
            roots = await self._fetch_subtrees(edge.subtrees_to(checkpoint.size), checkpoint)
            grown = edge.grown(checkpoint.size, roots)
            if grown.root() == checkpoint.root:
                return grown
            # The tiles are not signed. They prove a fork only if they lead to the signed root, without the cosigned tree.
            first = await self._fetch_subtrees(Edge().subtrees_to(edge.size), checkpoint)
            if Edge().grown(edge.size, first).grown(checkpoint.size, roots).root() == checkpoint.root:
                rows = f"the tree of {checkpoint.size} rows"
                raise self._forked(checkpoint, f"{rows} does not contain the cosigned one of {edge.size}")
        raise CheckpointRefused(f"the tiles don't lead to the root of {checkpoint.size} rows")

    async def _fetch_subtrees(
        self, subtrees: Sequence[tuple[int, int]], checkpoint: Checkpoint
    ) -> list[bytes]:
        return [
            await self._client.fetch_subtree(level, index, size=checkpoint.size) for level, index in subtrees
        ]

    def _forked(self, checkpoint: Checkpoint, reason: str) -> WitnessError:
        """Keep the evidence of a fork. Before the first cosignature there is nothing to contradict."""
        if not self.record.note:
            return CheckpointRefused(f"a checkpoint of {checkpoint.size} rows with the root of none")
        fork = Fork(reason=reason, cosigned=self.record.note, shown=checkpoint.note)
        self._keep_fork(replace(self.record, fork=fork))
        return LogForked(reason)

    def _keep_fork(self, record: Record) -> None:
        """Take the record of a fork even if the disk doesn't: the alarm doesn't wait, and the next check writes it again."""
        self.record, reason = record, ""
        try:
            self._file.write(record)
        except OSError as error:
            reason = error.strerror or type(error).__name__
        if reason and not self._unwritten:
            log.error("ALARM the evidence of a fork can't be written: %s", reason)
        if self._unwritten and not reason:
            log.warning("the evidence of the fork is written now")
        self._unwritten = reason

    def _keep(self, record: Record) -> None:
        """Make a record durable, and only then show it."""
        self._file.write(record)
        self.record = record

    def _settle(self, state: State, reason: str) -> None:
        self.checks[state] += 1
        if (state, reason) != (self.state, self.reason):
            level = {State.FOLLOWING: logging.INFO, State.UNREACHABLE: logging.WARNING}.get(
                state, logging.ERROR
            )
            alarm = "ALARM " if level == logging.ERROR else ""
            log.log(level, "%s%s: %s", alarm, state.value, reason or f"row {self.record.edge.size} cosigned")
        self.state, self.reason = state, reason
