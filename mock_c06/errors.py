"""Everything that can go wrong, in the mock's words. Facts only; each face writes them its own way.

MockError
├── CallRefused                 a call at the registry face
│   ├── Unauthorised            login, timestamp, replay, token: the caller never learns which
│   │   └── AccountLocked       too many wrong logins, told as any other 401
│   ├── AccountNotActive        suspended or revoked
│   ├── Throttled               more calls a second than the account may make
│   └── RequestRefused          01, 004, 005, 006, 007
└── ControlError                a test's own mistake at the control face or the command line
    ├── RunUnknown  RunExists  RunNameInvalid  FaultUnknown  AccountUnknown  ApplicationUnknown  RecordingTooLong
    ├── MemberWrong             names the member: PersonIncomplete  PersonUnknown  EventRefused  ClockOutOfRange
    │                           AccountInvalid  StatusWrong  SwitchUnknown  BundleInvalid  DecisionRefused  NothingIssued
    └── StartRefused            the program can't start so
        └── WhereInvalid        conditions of `population sample`
"""


class MockError(Exception):
    """Root of all the mock's errors."""


class CallRefused(MockError):
    """A call at the registry face that gets no answer."""


class Unauthorised(CallRefused):
    """Not logged in. `reason` is for the journal's reader alone."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class AccountLocked(Unauthorised):
    """Too many wrong logins: even the right one is refused, so that guessing learns nothing."""


class AccountNotActive(CallRefused):
    """The account is known and proven, but suspended, revoked or not yet active."""


class Throttled(CallRefused):
    """Too many calls a second."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"retry after {retry_after} s")
        self.retry_after = retry_after


class RequestRefused(CallRefused):
    """The request itself is refused with one of C06's codes; `message` is Vietnamese and names no value."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class ControlError(MockError):
    """What a test asked of the control face, or an operator of the command, can't be done."""


class MemberWrong(ControlError):
    """Something is wrong with one member, or stands against what is asked: `field` names it, `detail` says what."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(f"{field}: {detail}")
        self.field = field
        self.detail = detail


class RunUnknown(ControlError):
    """No run by that name."""


class RunExists(ControlError):
    """A run by that name is there already."""


class RunNameInvalid(ControlError):
    """A run's name is a path segment: 1 to 64 of letters, digits, dot, dash, underscore."""


class FaultUnknown(ControlError):
    """No planned fault by that id in this run."""


class PersonIncomplete(MemberWrong):
    """A person lacks a member that has no default, or contradicts itself."""


class PersonUnknown(MemberWrong):
    """Nobody has the number that `field` gives, in this run."""

    def __init__(self, field: str) -> None:
        super().__init__(field, "nobody has this number in this run")


class EventRefused(MemberWrong):
    """A life event that can't happen as things are."""


class ClockOutOfRange(MemberWrong):
    """A time at which no registry is: `field` says which member would lead there."""

    def __init__(self, field: str) -> None:
        super().__init__(field, "a run's clock stays from 1900 to 2199")


class RecordingTooLong(ControlError):
    """The run has had more calls, or larger answers, than are kept."""


class AccountInvalid(MemberWrong):
    """An account that can't be."""


class StartRefused(ControlError):
    """The program can't start as asked; the message is the one line it prints."""


class SwitchUnknown(MemberWrong):
    """No switch by that name, or a value that it can't have."""

    def __init__(self, name: str, detail: str = "no such switch") -> None:
        super().__init__(f"switches.{name}", detail)
        self._name = name

    def __str__(self) -> str:
        return f"switch {self._name}: {self.detail}"


class AccountUnknown(MemberWrong):
    """No account by the name that `field` gives."""

    def __init__(self, field: str = "account") -> None:
        super().__init__(field, "no account of that name")


class StatusWrong(MemberWrong):
    """An account doesn't go from its status to that one."""

    def __init__(self, before: str, after: str) -> None:
        super().__init__("status", f"{before} never becomes {after}")


class ApplicationUnknown(ControlError):
    """No application by that id."""


class BundleInvalid(MemberWrong):
    """A bundle that was changed, or isn't one."""


class DecisionRefused(MemberWrong):
    """A decision that can't be taken on an application as it stands."""


class NothingIssued(MemberWrong):
    """An application on which no account was issued; `detail` says where it stands."""

    def __init__(self, state: str) -> None:
        super().__init__("state", f"it is {state}")


class WhereInvalid(StartRefused):
    """A condition on people that can't be understood; the message says which, and what would do."""
