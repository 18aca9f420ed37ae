"""The bundle: one canonical JSON document and a signature beside it, so that people and programs read the same bytes.

Canonical is RFC 8785 for what stands here (no fractions, names in ASCII): sorted names, no white space, UTF-8, no
line end. The signature is a detached JWS over the document. Form: openapi/official-application.schema.json.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.applications.model import Evidence, Statement, Wanted, WantedProcedure, WantedRole
from gateway.clock import rfc3339
from gateway.keys.jws import sign_detached
from gateway.keys.model import PlaceKeys, Purpose
from gateway.procedures.fields import Operation

FORMAT = "official-application/1"
SIGNATURE_TYPE = "official-application+jws"

OPERATION_NAMES_VI = {
    Operation.AUTHENTICATE: "Xác thực thông tin công dân",
    Operation.LOOK_UP: "Tra cứu thông tin công dân",
    Operation.MARITAL_STATUS: "Xác minh tình trạng hôn nhân",
    Operation.RELATIVES: "Xác minh thông tin nhân thân",
    Operation.HOUSEHOLD: "Cung cấp thông tin hộ gia đình",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Dossier:
    """Everything that the document tells. `draft` says that it is not to be sent."""

    stated: Statement
    wanted: Wanted
    evidence: Evidence
    made_at: datetime
    draft: bool
    issuer: str
    dialect: str


def write_document(dossier: Dossier, keys: PlaceKeys) -> dict[str, Any]:
    """Return the document with the public halves of the keys that sign it and open what is issued."""
    organisation = dossier.wanted.organisation
    stated, contact = dossier.stated, dossier.stated.contact
    return {
        "format": FORMAT,
        "draft": dossier.draft,
        "made_at": rfc3339(dossier.made_at),
        "agency": {
            "id": organisation.id if organisation else "",
            "name": organisation.name if organisation else "",
        },
        "application": {
            "id": stated.application_id,
            "name": stated.application_name,
            "issuer": dossier.issuer,
        },
        "environment": "official",
        "dialect": dossier.dialect,
        "security_level": stated.security_level,
        "contact": {"unit": contact.unit, "email": contact.email, "phone": contact.phone},
        "rate": {"per_second": stated.rate_per_second, "per_day": stated.rate_per_day},
        "retention": stated.retention,
        "deletion": stated.deletion,
        "procedures": [_procedure(each) for each in dossier.wanted.procedures],
        "operations": [
            {"code": code, "operation": operation.value, "name_vi": OPERATION_NAMES_VI[operation]}
            for operation, code in dossier.wanted.operations.items()
        ],
        "officers": {"count": len(dossier.wanted.officers), "pseudonyms": list(dossier.wanted.officers)},
        "evidence": _evidence(dossier.evidence),
        "keys": {
            "signing": keys.current(Purpose.APPLICATION).signing_key().as_dict(private=False),
            "sealing": keys.current(Purpose.ISSUANCE).opening_key().as_dict(private=False),
        },
    }


def sign_document(document: Mapping[str, Any], keys: PlaceKeys) -> str:
    """Return the whole bundle as text: the document and its signature, canonical."""
    key = keys.current(Purpose.APPLICATION)
    signature = sign_detached(
        canonical(document).encode(), key=key.signing_key(), kid=key.kid, typ=SIGNATURE_TYPE
    )
    return canonical({"document": document, "signature": signature})


def canonical(value: Any) -> str:
    """Return a value's one text."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def bundle_hash(text: str) -> str:
    """Return the SHA-256 of a bundle's file, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def _procedure(wanted: WantedProcedure) -> dict[str, Any]:
    procedure = wanted.procedure
    return {
        "slug": procedure.slug,
        "name_vi": procedure.name_vi,
        "service_code": wanted.service_code,
        "code": wanted.code,
        "purpose": procedure.purpose,
        "legal_basis": list(procedure.legal_basis),
        "roles": [_role(role) for role in wanted.roles],
    }


def _role(role: WantedRole) -> dict[str, Any]:
    return {
        "role": role.name,
        "fields": [each.name for each in role.plain()],
        "sensitive_fields": [each.name for each in role.sensitive()],
    }


def _evidence(evidence: Evidence) -> dict[str, Any]:
    trial = evidence.trial
    return {
        "scenarios": dict(evidence.scenarios),
        "audit": {
            "verified": evidence.audit_broken is None,
            "rows": evidence.audit_rows,
            "hash": evidence.audit_hash,
        },
        "fence": {"official_questions": evidence.official_questions},
        "preflight": {
            "run": trial.reason is None,
            "passed": trial.passed,
            "checks": [
                {"name": name, "passed": passed, "detail": detail} for name, passed, detail in trial.checks
            ],
        },
        "parity": {
            "confirmed": list(evidence.readings.confirmed),
            "refuted": list(evidence.readings.refuted),
        },
    }
