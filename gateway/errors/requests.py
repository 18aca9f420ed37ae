"""The request itself: it can't be read or routed, or its fields are not acceptable."""

from dataclasses import dataclass

from gateway.errors import FieldError, GatewayError


class RequestError(GatewayError):
    """The request can't be read or routed."""


class HttpInvalid(RequestError):
    """What came is no HTTP/1.1."""


class JsonInvalid(RequestError):
    """The body is not one well-formed JSON object in UTF-8 with distinct names."""


class NotFound(RequestError):
    """No such route, or nothing there that this account may see."""


class MethodNotAllowed(RequestError):
    """The route exists for other methods."""


class NotAcceptable(RequestError):
    """The caller accepts no form that we can answer in."""


class BodyTooLarge(RequestError):
    """The body passes 64 KiB."""


class BodySlow(RequestError):
    """The body did not arrive in time."""


class HeadersTooLarge(RequestError):
    """The header section passes what the server takes."""


class MediaTypeUnsupported(RequestError):
    """The body is not `application/json`, or is content-encoded."""


@dataclass(eq=False)
class FieldsError(RequestError):
    """The request is well-formed JSON but fields of it are not acceptable."""

    errors: tuple[FieldError, ...]

    def __str__(self) -> str:
        return ", ".join(f"{error.field}: {error.code}" for error in self.errors)


class RequestInvalid(FieldsError):
    """Members missing, unknown, repeated or of the wrong form."""


class ClaimInvalid(FieldsError):
    """The claim about a citizen is malformed; nothing was asked."""


class FieldUnknown(FieldsError):
    """A field that no procedure knows."""


class FieldNotInProcedure(FieldsError):
    """A field that this procedure's form does not hold for this role."""


class ProcedureUnknown(FieldsError):
    """Neither a slug nor a code that is valid today."""


class SubjectRoleUnknown(FieldsError):
    """A role that this procedure does not have."""
