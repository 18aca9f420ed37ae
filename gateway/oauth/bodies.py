"""The forms of the OAuth endpoints, as the document shows them; `web.py` reads them, parameter by parameter.

Unknown parameters are ignored and an empty one counts as left out (RFC 6749 §3.2), so nothing validates by
these models. A client secret stands in the `Authorization` header only (sandbox).
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from gateway.edge.forms import Jws

MEDIA_TYPE = "application/x-www-form-urlencoded"


class ClientForm(BaseModel):
    """How the client proves itself where it sends no Basic header: `private_key_jwt` (RFC 7523)."""

    client_id: Annotated[
        str, Field(description="Needed by nobody; if sent, the client that proves itself.")
    ] = ""
    client_assertion_type: Literal["urn:ietf:params:oauth:client-assertion-type:jwt-bearer"] | None = None
    client_assertion: Jws | None = Field(
        default=None,
        description="`aud` is the issuer as one string, `exp` at most 120 s ahead, `jti` used once.",
    )


class TokenForm(ClientForm):
    """`POST /{profile}/oauth2/token`."""

    grant_type: Literal["client_credentials"]
    scope: str | None = Field(
        default=None,
        description="Scopes, each once, separated by one space. Without it: all granted but `prefill.sensitive`.",
        examples=["verify prefill"],
    )
    resource: str | None = Field(
        default=None, description="RFC 8707: this profile's API, `{base}/{profile}/v1`."
    )
    authorization_details: str | None = Field(
        default=None,
        description="RFC 9396, JSON: entries of type citizen_enquiry within the account's grants, to narrow the token.",
        examples=[
            '[{"type":"citizen_enquiry","procedures":["khai-sinh"],"subject_roles":["*"],"fields":["full_name"]}]'
        ],
    )


class OwnTokenForm(ClientForm):
    """`POST /{profile}/oauth2/introspect` and `/revoke`: one's own access token."""

    token: Annotated[str, Field(min_length=1)]
    token_type_hint: str | None = Field(default=None, description="Ignored: there are only access tokens.")


def form_body(model: type[ClientForm]) -> dict[str, Any]:
    """Return a form as an operation's `requestBody`; a form has no null, what is not sent is left out."""
    schema = model.model_json_schema()
    for name, member in schema["properties"].items():
        plain = [option for option in member.pop("anyOf", []) if option != {"type": "null"}]
        schema["properties"][name] = {**member, **(plain[0] if plain else {})}
        schema["properties"][name].pop("default", None)
    return {"required": True, "content": {MEDIA_TYPE: {"schema": schema}}}
