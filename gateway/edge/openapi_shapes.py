"""Schemas in the form that client generators read: complete objects, no `const`, a description for every member.

A generator that meets `allOf` or `anyOf` beside `properties` drops members or whole answers. So a body that takes one of
several sets of members is a `oneOf` of complete objects, each problem is a schema of its own with only its members, and a
constant is an `enum` of one value.
"""

from collections.abc import Mapping
from typing import Any

from gateway.edge.openapi_words import MEMBERS
from gateway.edge.problems import PROBLEMS
from gateway.errors import GatewayError

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
