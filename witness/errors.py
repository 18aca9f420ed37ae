"""The errors of the witness. Each has one line for the person who runs it.

WitnessError
├── NoteInvalid         a text is no note, checkpoint, key or proof, or a signature or a path of hashes is false
│   └── NotCosigned     no witness whose key is known signed a checkpoint
├── LogUnreachable      the log did not answer, or not in its form: it is asked again
├── CheckpointRefused   what the log shows is not its signed checkpoint
├── LogShrunk           the log shows fewer rows than it had: it lost them, or somebody replays an older checkpoint
├── LogForked           two signed checkpoints of the log contradict each other: nothing is cosigned any more
└── StartRefused        the program can't start as asked
"""


class WitnessError(Exception):
    """The root of all errors of the witness."""


class NoteInvalid(WitnessError):
    """A text is no note, checkpoint, key or proof, or a signature or a path of hashes is false."""


class NotCosigned(NoteInvalid):
    """No witness whose key is known signed a checkpoint."""


class LogUnreachable(WitnessError):
    """The log did not answer, or not in its form."""


class CheckpointRefused(WitnessError):
    """What the log shows is not its signed checkpoint."""


class LogShrunk(WitnessError):
    """The log shows fewer rows than it had."""


class LogForked(WitnessError):
    """Two signed checkpoints of the log contradict each other."""


class StartRefused(WitnessError):
    """The program can't start as asked."""
