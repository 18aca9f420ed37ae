"""An application's bundle as the control face accepts it.

The same form as openapi/official-application.schema.json, written a second time because the mock has no schema
library at run time; a test compares the two. Values are not coerced, because the signature covers what was sent.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, ValidationError

from mock_c06.accounts.bundles import Bundle, read_key, thumbprint, verify_bundle
from mock_c06.accounts.issuing import ApplicationBody, Reason
from mock_c06.accounts.model import Dialect, Environment
from mock_c06.bodies import ControlBody, in_plain_words
from mock_c06.errors import BundleInvalid

Name = Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,64}$")]
Reading = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
Line = Annotated[str, Field(max_length=200)]
Count = Annotated[int, Field(ge=0)]
Coordinate = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{43}$")]


class _StrictBody(ControlBody):
    model_config = ConfigDict(strict=True)


class _PublicKey(_StrictBody):
    kty: Literal["EC"]
    crv: Literal["P-256"]
    x: Coordinate
    y: Coordinate
    kid: Annotated[str, Field(min_length=1, max_length=64)]
    use: Literal["sig", "enc"]
    alg: Literal["ES256", "ECDH-ES"]


class _Keys(_StrictBody):
    signing: _PublicKey
    sealing: _PublicKey


class _Role(_StrictBody):
    role: Name
    fields: Annotated[list[Name], Field(max_length=64)]
    sensitive_fields: Annotated[list[Name], Field(max_length=8)]


class _Procedure(_StrictBody):
    slug: Name
    name_vi: Line
    service_code: Annotated[str, Field(min_length=1, max_length=20)]
    code: Annotated[str | None, Field(max_length=20)]
    purpose: Annotated[str, Field(min_length=1, max_length=1000)]
    legal_basis: Annotated[list[Annotated[str, Field(max_length=400)]], Field(min_length=1, max_length=20)]
    roles: Annotated[list[_Role], Field(min_length=1, max_length=8)]


class _Operation(_StrictBody):
    code: Annotated[str, Field(pattern=r"^[0-9]{1,20}$")]
    operation: Literal[
        "XacThucThongTinCongDan",
        "TraCuuThongTinCongDan",
        "XacMinhTinhTrangHonNhan",
        "XacMinhThongTinNhanThan",
        "CungCapThongTinHoGiaDinh",
    ]
    name_vi: Line


class _Audit(_StrictBody):
    verified: bool
    rows: Count
    hash: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Fence(_StrictBody):
    official_questions: Count


class _Check(_StrictBody):
    name: Name
    passed: bool
    detail: Annotated[str, Field(max_length=2000)]


class _Preflight(_StrictBody):
    run: bool
    passed: bool
    checks: Annotated[list[_Check], Field(max_length=100)]


class _Parity(_StrictBody):
    confirmed: list[Reading]
    refuted: list[Reading]


class _Evidence(_StrictBody):
    scenarios: dict[Annotated[str, Field(pattern=r"^[a-z_]{1,64}$")], Count]
    audit: _Audit
    fence: _Fence
    preflight: _Preflight
    parity: _Parity


class _Agency(_StrictBody):
    id: Annotated[str, Field(max_length=35)]
    name: Line


class _System(_StrictBody):
    id: Annotated[str, Field(max_length=64)]
    name: Line
    issuer: Annotated[str, Field(max_length=400)]


class _Contact(_StrictBody):
    unit: Line
    email: Line
    phone: Line


class _Rate(_StrictBody):
    per_second: Count
    per_day: Count


class _Officers(_StrictBody):
    count: Count
    pseudonyms: list[Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]]


class DocumentBody(_StrictBody):
    """The signed document."""

    format: Literal["official-application/1"]
    draft: bool
    made_at: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$")]
    agency: _Agency
    application: _System
    environment: Literal["official"]
    dialect: Literal["soap", "lgsp-passthrough", "lgsp-camel", "lgsp-pascal"]
    security_level: Annotated[int, Field(ge=0, le=5)]
    contact: _Contact
    rate: _Rate
    retention: Annotated[str, Field(max_length=1000)]
    deletion: Annotated[str, Field(max_length=1000)]
    procedures: Annotated[list[_Procedure], Field(max_length=100)]
    operations: Annotated[list[_Operation], Field(max_length=20)]
    officers: _Officers
    evidence: _Evidence
    keys: _Keys

    def stated(self) -> ApplicationBody:
        """Return the application; officers are pseudonyms."""
        roles = [role for procedure in self.procedures for role in procedure.roles]
        wanted = [name for role in roles for name in (*role.fields, *role.sensitive_fields)]
        bases = [basis for procedure in self.procedures for basis in procedure.legal_basis]
        rate = self.rate
        return ApplicationBody.model_construct(
            agency=self.agency.id,
            agency_name=self.agency.name,
            application=self.application.id,
            purpose="\n".join(procedure.purpose for procedure in self.procedures),
            legal_basis="\n".join(dict.fromkeys(bases)),
            fields=list(dict.fromkeys(wanted)),
            operations=[each.operation for each in self.operations],
            procedures=[procedure.slug for procedure in self.procedures],
            officers=self.officers.pseudonyms,
            frequency=f"{rate.per_second}/s, {rate.per_day}/d" if rate.per_second else "",
            environment=Environment.OFFICIAL,
            dialect=Dialect(self.dialect),
            security_level=self.security_level,
            rate_per_second=rate.per_second or None,
            name=None,
        )

    def unreadiness(self) -> Iterator[Reason]:
        """List what the bundle's own evidence lacks."""
        if self.draft:
            yield Reason(field="draft", reason="a draft is not an application")
        for scenario, count in self.evidence.scenarios.items():
            if not count:
                yield Reason(field=f"evidence.scenarios.{scenario}", reason="was not tested")
        if not self.evidence.audit.verified:
            yield Reason(field="evidence.audit", reason="the applicant's audit was not verified")
        if not self.evidence.preflight.passed:
            yield Reason(field="evidence.preflight", reason="the test environment's preflight did not pass")


class BundleBody(_StrictBody):
    """A bundle: the document and its detached signature."""

    document: dict[str, Any]
    signature: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+\.\.[A-Za-z0-9_-]+$", max_length=1024)]

    def proven(self) -> Bundle:
        """Verify the signature and return the bundle; raises `BundleInvalid`."""
        try:
            read = DocumentBody.model_validate(self.document)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            location = ".".join(str(part) for part in ("document", *first["loc"]))
            raise BundleInvalid(location, in_plain_words(first)) from None
        sha256 = verify_bundle(self.document, self.signature)
        return Bundle(
            sha256=sha256,
            stated=read.stated(),
            unready=tuple(read.unreadiness()),
            thumbprint=thumbprint(read_key(self.document, "signing")),
            sealing_key=read_key(self.document, "sealing"),
        )
