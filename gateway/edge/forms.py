"""Forms of text as the document shows them: identifiers, times, signed tokens. Nothing is validated by these."""

from typing import Annotated

from pydantic import Field

VERIFICATION_ID = "^ver_[a-z2-7]{25}$"

_JWS = r"^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$"
_INSTANT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?Z$"

Jws = Annotated[str, Field(json_schema_extra={"pattern": _JWS})]
"""A signed token in its compact form."""

Instant = Annotated[str, Field(json_schema_extra={"format": "date-time", "pattern": _INSTANT})]
"""An RFC 3339 time in UTC, ending in Z."""

VerificationId = Annotated[str, Field(json_schema_extra={"pattern": VERIFICATION_ID})]
PrefillId = Annotated[str, Field(json_schema_extra={"pattern": "^pre_[a-z2-7]{25}$"})]
DiscrepancyId = Annotated[str, Field(json_schema_extra={"pattern": "^dis_[a-z2-7]{25}$"})]
