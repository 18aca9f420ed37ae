"""Parts of the OpenAPI document: an operation's problems, headers and security schemes, and schemas for client generators.

A status with several problems is a `oneOf` of their schemas, so that a test finds an undeclared one. An access token is sent as
Bearer, or, if it is bound to a key, as DPoP with a proof. Each profile has its own OAuth2 scheme, since it issues and accepts
only its own tokens.

A generator that meets `allOf` or `anyOf` beside `properties` drops members or whole answers. So a body that takes one of
several sets of members is a `oneOf` of complete objects, each problem is a schema of its own with only its members, and a
constant is an `enum` of one value.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gateway.edge.openapi_words import MEMBERS
from gateway.edge.problem_answers import MEDIA_TYPE
from gateway.edge.problems import PROBLEMS
from gateway.errors import GatewayError
from gateway.identifiers import Profile

_FEW = 4


def problem_responses(codes: Iterable[str]) -> dict[str, Any]:
    """Return the responses of problems with these codes, by status."""
    wanted = set(codes)
    by_status: dict[int, list[str]] = {}
    for kind, problem in PROBLEMS.items():
        if kind.code in wanted:
            by_status.setdefault(problem.status, []).append(kind.code)
    return {str(status): _response(found) for status, found in sorted(by_status.items())}


def _response(codes: list[str]) -> dict[str, Any]:
    schemas = {code: problem_schema(code) for code in codes}
    schema: dict[str, Any] = schemas[codes[0]]
    if len(codes) > 1:
        named = {code: found["$ref"] for code, found in schemas.items()}
        schema = {
            "oneOf": list(schemas.values()),
            "discriminator": {"propertyName": "code", "mapping": named},
        }
    return {"description": " · ".join(codes), "content": {MEDIA_TYPE: {"schema": schema}}}


def add_headers(responses: dict[str, Any], *, at_place: bool, of_operators: bool, asks_token: bool) -> None:
    """Add its headers to each answer."""
    keyed = "idempotency_in_progress" in responses.get("409", {}).get("description", "")
    for status, response in responses.items():
        names = ["X-Request-Id", "X-Content-Type-Options"]
        if at_place or of_operators:
            names.append("Cache-Control")
        if at_place:
            names.append("X-Test-Data")
        if status in {"429", "504"} or (status == "503" and MEDIA_TYPE in response.get("content", {})):
            names.append("Retry-After")
        if keyed and status in {"200", "201"}:
            names.append("Idempotent-Replayed")
        if keyed and status == "409":
            names.append("Retry-After-In-Progress")
        if at_place and asks_token:
            names += ["RateLimit", "RateLimit-Policy"]
        if status in {"401", "403"}:
            names += _challenge(status, of_operators=of_operators, asks_token=asks_token)
        if status == "405":
            names.append("Allow")
        response["headers"] = {
            _SHOWN.get(name, name): {"$ref": f"#/components/headers/{name}"} for name in names
        }


def _challenge(status: str, *, of_operators: bool, asks_token: bool) -> list[str]:
    if of_operators:
        return ["WWW-Authenticate-Operator"] if status == "401" else []
    if status == "403":
        return ["WWW-Authenticate-Scope"]
    return ["WWW-Authenticate" if asks_token else "WWW-Authenticate-Basic"]


def share_responses(paths: Mapping[str, Any]) -> dict[str, Any]:
    """Replace equal answers with few problems by references; return them by status and codes."""
    shared: dict[str, Any] = {}
    for operations in paths.values():
        for operation in operations.values():
            responses = operation["responses"]
            for status, response in responses.items():
                codes = response["description"].split(" · ")
                name = ".".join([status, *codes])
                if MEDIA_TYPE in response.get("content", {}) and len(codes) <= _FEW:
                    if "X-Test-Data" in response["headers"]:
                        name += ".at_place"
                    elif "Cache-Control" in response["headers"]:
                        name += ".of_operators"
                    responses[status] = {"$ref": f"#/components/responses/{name}"}
                    shared[name] = response
    return shared


def _header(description: str, *, required: bool = True, **schema: Any) -> dict[str, Any]:
    return {"description": description, "required": required, "schema": {"type": "string", **schema}}


HEADERS: Mapping[str, Any] = {
    "X-Request-Id": _header(
        "The gateway's id of this call, in every log line.", pattern="^req_[a-z2-7]{25}$"
    ),
    "X-Content-Type-Options": _header("Always nosniff.", const="nosniff"),
    "Cache-Control": _header("`no-store`; public keys may be kept for a minute."),
    "X-Test-Data": _header(
        "Present if the profile's registry is a mock or a test environment.", required=False, const="true"
    ),
    "RateLimit": _header(
        "Once the caller is known: `r` calls may be made at once, and all again in `t` seconds.",
        required=False,
    ),
    "RateLimit-Policy": _header("The account may make `q` calls in `w` seconds.", required=False),
    "Retry-After": _header("Whole seconds to wait.", pattern="^[0-9]+$"),
    "Retry-After-In-Progress": _header(
        "With `idempotency_in_progress`: whole seconds to wait.", required=False, pattern="^[0-9]+$"
    ),
    "Idempotent-Replayed": _header("Present if a kept answer is sent again.", required=False, const="true"),
    "Allow": _header("The methods that this path has."),
    "WWW-Authenticate": _header("RFC 6750 §3 or RFC 9449 §7.1, with `resource_metadata` (RFC 9728 §5.1)."),
    "WWW-Authenticate-Scope": _header("With `scope_missing`: the required scope.", required=False),
    "WWW-Authenticate-Operator": _header("RFC 6750 §3."),
    "WWW-Authenticate-Basic": _header("Present if the request had a Basic header.", required=False),
}

_SHOWN = {
    name: shown for name in HEADERS for shown in ("WWW-Authenticate", "Retry-After") if name.startswith(shown)
}

CLIENT_SECRET = "client_secret_basic"  # noqa: S105 - the method's name (RFC 6749 §2.3.1)

OPERATOR = "operator"

SCOPES = {
    "verify": "Verifications, evaluations, receipts/check.",
    "prefill": "Prefills, discrepancies, and `prefill` inside a verification.",
    "prefill.sensitive": "With `prefill`: ethnicity and religion, if the grant names them.",
    "ledger": "The organisation's own enquiries on a citizen.",
    "audit.read": "Checkpoints and proofs of the audit.",
    "reports.read": "The weekly report at `/reports/`, which counts the enquiries of all accounts.",
}
_DPOP_PROOF = {
    "name": "DPoP",
    "in": "header",
    "required": False,
    "description": (
        "A proof for this method and address (RFC 9449 §4): `iat` within 60 s, `jti` used once. Needed with a "
        "token that is bound to a key; at the token endpoint it binds the new token."
    ),
    "schema": {"type": "string"},
}
_REQUEST_ID = {
    "name": "X-Request-Id",
    "in": "header",
    "required": False,
    "description": (
        "The caller's own id: 8 to 64 of A-Z a-z 0-9 . _ -, which can't be a person's number (no run of nine digits, no 9 "
        "or 12 digits in groups), kept as `correlation_id`. An id that breaks these rules is ignored, never refused."
    ),
    "schema": {"type": "string"},
}


def security_schemes() -> dict[str, Any]:
    """Return the document's `securitySchemes`."""
    places = {
        oauth2_scheme(profile): {
            "type": "oauth2",
            "description": f"An access token of the profile {profile}.",
            "flows": {"clientCredentials": {"tokenUrl": f"/{profile}/oauth2/token", "scopes": SCOPES}},
        }
        for profile in Profile
    }
    return places | {
        "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT (RFC 9068)"},
        "dpop": {
            "type": "http",
            "scheme": "DPoP",
            "description": "RFC 9449: a token bound to a key, with a proof in the header `DPoP`.",
        },
        CLIENT_SECRET: {"type": "http", "scheme": "basic", "description": "Sandbox only."},
        OPERATOR: {
            "type": "http",
            "scheme": "bearer",
            "description": "The token of an operator's session, from POST /ops/v1/sessions; valid at /ops/v1 and /reports/.",
        },
    }


def security_of_api(scope: str | None) -> list[dict[str, list[str]]]:
    """Return the security of an operation that requires a scope (None: any token)."""
    scopes = [scope] if scope is not None else []
    return [{oauth2_scheme(profile): scopes} for profile in Profile] + [{"bearer": []}, {"dpop": []}]


def headers_of_caller(*, proof: bool) -> Sequence[dict[str, Any]]:
    """Return the header parameters that a caller may send."""
    return [_REQUEST_ID, *([_DPOP_PROOF] if proof else [])]


def oauth2_scheme(profile: Profile) -> str:
    """Return the name of a profile's security scheme."""
    return f"oauth2_{profile.value}"


Schema = dict[str, Any]

_REF = "#/components/schemas/{name}"
_TYPES: Mapping[type, str] = {bool: "boolean", int: "integer", str: "string"}
_OWN = {
    "registry_refused": "registry_code",
    "enquiry_budget_spent": "budget",
    "verification_invalidated": "verification",
    "idempotency_answer_gone": "verification",
}
"""The member that only a problem with this code has."""

_ALWAYS = {"registry_code", "budget"}
_WITH_ERRORS = (403, 422)
_TEXT: Schema = {"type": "string"}
_ERRORS: Schema = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["field", "code", "detail", "detail_vi"],
        "additionalProperties": False,
        "properties": {"field": _TEXT, "code": _TEXT, "detail": _TEXT, "detail_vi": _TEXT},
    },
}
_BUDGETS = ["account_hour", "subject_day", "own_login_day", "confirmed_hour", "confirmed_day"]


def problem_schema(code: str) -> Schema:
    """Return a reference to the schema of a problem."""
    return {"$ref": _REF.format(name=_problem_name(code))}


def problem_schemas() -> dict[str, Schema]:
    """Return the schema of each problem, by name."""
    return {_problem_name(kind.code): _problem(kind, row.status) for kind, row in PROBLEMS.items()}


def _problem_name(code: str) -> str:
    return f"{_camel(code)}Problem"


def _problem(kind: type[GatewayError], status: int) -> Schema:
    texts = ("title", "title_vi", "detail", "detail_vi")
    properties: dict[str, Schema] = {
        "type": {"type": "string", "format": "uri", "description": "`{base}/problems/{code}`"},
        **dict.fromkeys(texts, _TEXT),
        "status": {"type": "integer", "enum": [status]},
        "code": {"type": "string", "enum": [kind.code]},
        "request_id": _TEXT,
    }
    required = list(properties)
    row = PROBLEMS[kind]
    if row.citizen_vi:
        properties |= {"citizen_vi": _TEXT, "citizen": _TEXT}
        required += ["citizen_vi", "citizen"]
    if status in _WITH_ERRORS:
        properties["errors"] = _ERRORS
        required.append("errors")
    if (own := _OWN.get(kind.code)) is not None:
        properties[own] = {"type": "string", "enum": _BUDGETS} if own == "budget" else _TEXT
        required += [own] if own in _ALWAYS else []
    return {
        "title": _problem_name(kind.code),
        "type": "object",
        "description": f"RFC 9457. {row.detail}",
        "required": required,
        "additionalProperties": False,
        "properties": properties,
    }


def split_alternatives(schemas: dict[str, Schema]) -> None:
    """Replace each object that takes one of several sets of members by a `oneOf` of complete objects."""
    for name, schema in list(schemas.items()):
        ways = schema.get("anyOf", ())
        if "properties" in schema and ways:
            whole = [_complete(name, schema, way) for way in ways]
            schemas |= {each["title"]: each for each in whole}
            schemas[name] = {
                "title": name,
                "description": schema.get("description", ""),
                "oneOf": [{"$ref": _REF.format(name=each["title"])} for each in whole],
            }


def _complete(name: str, schema: Schema, way: Schema) -> Schema:
    """Return the object with one set of members; a member of another set may only be null."""
    properties = {
        member: _narrow(found, way["properties"].get(member))
        for member, found in schema["properties"].items()
    }
    chosen = way.get("required", [])
    own = way.get("title") or f"{name.removesuffix('Body')}By{'And'.join(map(_camel, chosen))}"
    return {
        "title": own,
        "type": "object",
        "description": schema.get("description", ""),
        "additionalProperties": False,
        "required": [*schema.get("required", ()), *chosen],
        "properties": properties,
    }


def _narrow(found: Schema, to: Schema | None) -> Schema:
    if to is None:
        return found
    kept = {key: value for key, value in found.items() if key in {"title", "description", "examples"}}
    if to.get("type") == "null":
        return {"type": "null", **{key: value for key, value in kept.items() if key != "examples"}}
    if "const" in to:
        return kept | to
    options: list[Schema] = found.get("anyOf", [found])
    shown = next(each for each in options if each.get("type") != "null")
    return shown | kept


def _camel(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))


def finish_schemas(part: Any) -> None:
    """Replace `const` by `enum`, and describe each member that has no description, in all of the document."""
    if isinstance(part, list):
        for each in part:
            finish_schemas(each)
    if not isinstance(part, dict):
        return
    if "const" in part and not isinstance(part["const"], dict):
        value = part.pop("const")
        part |= {"type": _TYPES[type(value)], "enum": [value]}
    properties = part.get("properties")
    if isinstance(properties, dict) and all(isinstance(each, dict) for each in properties.values()):
        part["properties"] = properties = {name: dict(found) for name, found in properties.items()}
        for name, found in properties.items():
            found.pop("default", None)  # a generator would require the member
            if "description" not in found and name in MEMBERS:
                found["description"] = MEMBERS[name]
    for each in part.values():
        finish_schemas(each)
