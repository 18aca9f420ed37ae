"""All errors of the mock. They carry facts; each face writes them in its own form.

MockError
├── CallRefused                 a call at the registry face
│   ├── Unauthorised            login, timestamp, replay or token: the answer does not say which
│   │   └── AccountLocked       too many wrong logins, answered as any other 401
│   ├── AccountNotActive        suspended or revoked
│   ├── Throttled               more calls a second than the account may make
│   └── RequestRefused          01, 004, 005, 006, 007
└── ControlError                a test's own mistake at the control face or the command line
    ├── RunUnknown  RunExists  RunNameInvalid  TooManyRuns  FaultUnknown  AccountUnknown  ApplicationUnknown
    │   RecordingTooLong
    ├── MemberWrong             names the member: PersonIncomplete  PersonUnknown  EventRefused  ClockOutOfRange
    │                           AccountInvalid  StatusWrong  SwitchUnknown  BundleInvalid  DecisionRefused  NothingIssued
    └── StartRefused            the program cannot start
        └── WhereInvalid        conditions of `population sample`
"""


class MockError(Exception):
    """Root of all the mock's errors."""


class CallRefused(MockError):
    """A call at the registry face that is refused."""


class Unauthorised(CallRefused):
    """Not logged in. The caller learns neither `reason` nor `detail`; `is_guess`: the secret may be wrong."""

    def __init__(self, reason: str, detail: str | None = None, *, is_guess: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail
        self.is_guess = is_guess


class AccountLocked(Unauthorised):
    """Too many wrong logins: even a right one is refused, so that guessing shows nothing."""


class AccountNotActive(CallRefused):
    """The login is right, but the account is suspended, revoked or not yet active."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Throttled(CallRefused):
    """Too many calls a second."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"retry after {retry_after} s")
        self.retry_after = retry_after


class RequestRefused(CallRefused):
    """The request is refused with one of C06's codes; `message` is Vietnamese and contains no value."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class ControlError(MockError):
    """The control face or a command cannot do what was asked."""


class MemberWrong(ControlError):
    """One member is wrong: `field` names it, `detail` says why."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(f"{field}: {detail}")
        self.field = field
        self.detail = detail


class RunUnknown(ControlError):
    """No run by that name."""


class RunExists(ControlError):
    """A run with that name exists."""


class TooManyRuns(ControlError):
    """The mock keeps no more runs."""


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
    """A life event that contradicts the people's records."""


class ClockOutOfRange(MemberWrong):
    """A time outside 1900 to 2199; `field` is the member that asks for it."""

    def __init__(self, field: str) -> None:
        super().__init__(field, "a run's clock stays from 1900 to 2199")


class RecordingTooLong(ControlError):
    """The run has more calls, or larger answers, than the mock keeps."""


class AccountInvalid(MemberWrong):
    """An account with wrong members."""


class StartRefused(ControlError):
    """The program cannot start; the message is the line that it prints."""


class SwitchUnknown(MemberWrong):
    """No switch has that name, or the value is not true or false."""

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
    """A change of status that is not allowed."""

    def __init__(self, before: str, after: str) -> None:
        super().__init__("status", f"{before} cannot become {after}")


class ApplicationUnknown(ControlError):
    """No application by that id."""


class BundleInvalid(MemberWrong):
    """A bundle that is malformed or was changed."""


class DecisionRefused(MemberWrong):
    """A decision that the state of the application does not allow."""


class NothingIssued(MemberWrong):
    """An application without an issued account; `detail` is its state."""

    def __init__(self, state: str) -> None:
        super().__init__("state", f"it is {state}")


class WhereInvalid(StartRefused):
    """A condition on people that cannot be parsed; the message says which, and what is expected."""
