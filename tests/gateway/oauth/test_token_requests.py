"""The token endpoint: one proof, one of each parameter, no more than was granted (RFC 6749 §4.4, §5.2)."""

import base64
from urllib.parse import quote

import httpx
from joserfc.jwk import ECKey

from gateway.accounts.model import SecretDigest
from gateway.accounts.store import insert_secret
from gateway.audit.model import LOCAL
from gateway.identifiers import Profile
from gateway.keys.model import Purpose
from gateway.operators.model import operator_entry
from gateway.storage.database import Transaction
from tests.kit.forging import read, refusal
from tests.kit.scene import ASSERTION_TYPE, BASE, Portal, Scene

UNPROVEN = (401, "invalid_client")
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def basic(client_id: str, secret: str) -> dict[str, str]:
    """Return the Basic header."""
    return {"Authorization": "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()}


async def post(portal: Portal, body: str, *headers: tuple[str, str]) -> httpx.Response:
    """Post a form as written, with the portal's secret unless headers bring a proof."""
    own = list(basic(portal.client_id, str(portal.secret)).items())
    proven = any(name == "Authorization" for name, _ in headers)
    sent = [*({} if proven else dict(own)).items(), *FORM.items(), *headers]
    return await portal.http.post(f"{portal.issuer}/oauth2/token", content=body, headers=sent)


async def test_a_token_answer_has_the_members_of_the_rfc(portal: Portal) -> None:
    answer = await portal.ask_token()

    members = answer.json()
    assert set(members) == {"access_token", "token_type", "expires_in", "scope"}
    assert (members["token_type"], members["expires_in"]) == ("Bearer", 300)
    assert answer.headers["cache-control"] == "no-store"


async def test_threat_5_a_secret_in_the_body_beside_the_header_is_refused(portal: Portal) -> None:
    answer = await portal.ask_token({"client_secret": str(portal.secret), "client_id": portal.client_id})

    assert refusal(answer) == (400, "invalid_request")


async def test_threat_5_a_secret_in_the_body_alone_proves_nothing(portal: Portal) -> None:
    body = f"grant_type=client_credentials&client_id={portal.client_id}&client_secret={portal.secret}"
    answer = await portal.http.post(f"{portal.issuer}/oauth2/token", content=body, headers=FORM)

    assert refusal(answer) == UNPROVEN
    assert answer.json()["error_description"].startswith("a secret in the body is not accepted: send ")


async def test_threat_5_an_assertion_beside_a_secret_is_refused(portal: Portal) -> None:
    answer = await portal.ask_token({"client_assertion": "a.b.c", "client_assertion_type": ASSERTION_TYPE})

    assert refusal(answer) == (400, "invalid_request")


async def test_an_unknown_type_of_assertion_is_refused_with_the_type_to_send(portal: Portal) -> None:
    body = "grant_type=client_credentials&client_assertion=a.b.c&client_assertion_type=jwt-bearer"
    answer = await portal.http.post(f"{portal.issuer}/oauth2/token", content=body, headers=FORM)

    assert refusal(answer) == (400, "invalid_request")
    assert answer.json()["error_description"] == f"client_assertion_type must be {ASSERTION_TYPE}"


async def test_threat_5_two_authorization_headers_are_refused(portal: Portal) -> None:
    header = basic(portal.client_id, str(portal.secret))["Authorization"]
    twice = (("Authorization", header), ("Authorization", header))

    assert refusal(await post(portal, "grant_type=client_credentials", *twice)) == (400, "invalid_request")


async def test_threat_5_two_authorization_headers_at_the_api_are_refused(portal: Portal) -> None:
    header = ("Authorization", f"Bearer {portal.access_token}")
    answer = await portal.http.get(f"{portal.issuer}/v1/me", headers=[header, header])

    assert (answer.status_code, answer.json()["code"]) == (401, "token_invalid")


async def test_threat_5_a_repeated_parameter_is_refused(portal: Portal) -> None:
    for body in (
        "grant_type=client_credentials&grant_type=client_credentials",
        "grant_type=client_credentials&scope=verify&scope=prefill",
        "grant_type=client_credentials&scope=verify&%73cope=verify",
        "grant_type=client_credentials&scope=&scope=verify",
    ):
        assert refusal(await post(portal, body)) == (400, "invalid_request")


async def test_threat_5_a_scope_wider_than_granted_is_refused(portal: Portal) -> None:
    for scope in (
        "audit.read",
        "verify audit.read",
        "prefill.sensitive",
        "verify verify",
        "VERIFY",
        "verify\tprefill",
        "verify  prefill",
        " ",
        "verify,prefill",
        "*",
        "nul\x00",
    ):
        assert refusal(await portal.ask_token({"scope": scope})) == (400, "invalid_scope"), scope


async def test_threat_5_an_unknown_or_missing_grant_is_refused(portal: Portal) -> None:
    for grant in ("password", "authorization_code", "refresh_token", "CLIENT_CREDENTIALS"):
        assert refusal(await post(portal, f"grant_type={grant}")) == (400, "unsupported_grant_type")
    for body in ("scope=verify", "grant_type=&scope=verify"):
        assert refusal(await post(portal, body)) == (400, "invalid_request")


async def test_a_refused_grant_or_scope_is_described(scene: Scene) -> None:
    portal = await scene.portal(scopes=("verify", "ledger"), log_in=False)
    listed = "send scopes of this list, separated by one space: verify prefill prefill.sensitive ledger audit.read reports.read"
    for scope, said in (
        ("verify audit.read prefill", "not granted to this account: prefill audit.read"),
        ("verify 001090000123", listed),
        ("verify,ledger", listed),
        ("verify verify", "send each scope once"),
    ):
        assert (await portal.ask_token({"scope": scope})).json()["error_description"] == said
    answer = await post(portal, "grant_type=password")
    assert answer.json()["error_description"] == "grant_type must be client_credentials"


async def test_threat_5_a_basic_header_that_cannot_be_read_proves_nothing(portal: Portal) -> None:
    raw = (
        b"\xff\xfe:\xff",
        b"no colon",
        b"",
        b":",
        b"%00:secret",
        b"acc%00:secret",
        b"%ED%A0%80:secret",
        b"x" * 300 + b":secret",
    )
    headers = ["Basic " + base64.b64encode(content).decode() for content in raw]
    for header in [*headers, "Basic !!!", "Basic", "Bearer abc", "Digest a"]:
        answer = await post(portal, "grant_type=client_credentials", ("Authorization", header))
        assert refusal(answer) == UNPROVEN, header
        assert answer.headers["www-authenticate"].startswith("Basic ")


async def test_a_header_that_is_no_http_basic_is_refused_with_the_form_to_send(portal: Portal) -> None:
    for header in ("Bearer abc", "Digest a", "Basic !!!", "Basic"):
        answer = await post(portal, "grant_type=client_credentials", ("Authorization", header))
        assert answer.json()["error_description"] == (
            "the Authorization header must be HTTP Basic, with client_id:secret in base64"
        )


async def test_a_client_id_beside_the_header_of_another_is_refused_by_name(portal: Portal) -> None:
    answer = await portal.ask_token({"client_id": "acc_other"})

    assert refusal(answer) == (400, "invalid_request")
    assert answer.json()["error_description"].startswith("client_id must be that of the Authorization header")


async def test_threat_5_another_media_type_or_an_unreadable_form_is_refused(portal: Portal) -> None:
    form = "grant_type=client_credentials"
    for media_type in ("application/json", "multipart/form-data", "text/plain", ""):
        answer = await portal.http.post(
            f"{portal.issuer}/oauth2/token",
            content=form,
            headers=basic(portal.client_id, str(portal.secret)) | {"Content-Type": media_type},
        )
        assert refusal(answer) == (400, "invalid_request")
    for body in ("", "&&&", "grant_type", form + "&scope=%FF", form + "&x=1" * 40, form + "&scope=é"):
        assert refusal(await post(portal, body)) == (400, "invalid_request")


async def test_no_proof_at_all_is_an_unproven_client(portal: Portal) -> None:
    answer = await portal.http.post(
        f"{portal.issuer}/oauth2/token", content="grant_type=client_credentials", headers=FORM
    )

    assert refusal(answer) == UNPROVEN
    assert "www-authenticate" not in answer.headers


async def test_an_unknown_client_and_a_wrong_secret_answer_alike(scene: Scene, portal: Portal) -> None:
    suspicious = [
        (portal.client_id, "wrong"),
        ("acc_unknownunknownunknownunk", "wrong"),
        ("nobody", str(portal.secret)),
        ((await scene.portal(Profile.OFFICIAL, log_in=False)).client_id, "wrong"),
    ]
    answers = [
        await post(portal, "grant_type=client_credentials", *basic(*pair).items()) for pair in suspicious
    ]

    assert {refusal(answer) for answer in answers} == {UNPROVEN}
    assert len({answer.content for answer in answers}) == 1
    assert len({_headers_but_request_id(answer) for answer in answers}) == 1


def _headers_but_request_id(answer: httpx.Response) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((name, value) for name, value in answer.headers.items() if name != "x-request-id"))


async def test_a_refused_client_is_counted_in_an_audit_row(scene: Scene, portal: Portal) -> None:
    await post(portal, "grant_type=client_credentials", *basic(portal.client_id, "wrong").items())

    row = (await scene.audit())[-1]
    assert (row["kind"], row["outcome"], row["profile"]) == ("refused", "invalid_client", "sandbox")
    assert (row["count"], row["address_class"]) == (1, "loopback")


async def test_official_never_takes_a_secret_for_proof(scene: Scene, portal: Portal) -> None:
    official = await scene.portal(Profile.OFFICIAL, log_in=False)
    for client_id in (portal.client_id, official.client_id):
        answer = await portal.http.post(
            f"{BASE}/official/oauth2/token",
            data={"grant_type": "client_credentials"},
            headers=basic(client_id, str(portal.secret)),
        )
        assert refusal(answer) == UNPROVEN


async def test_a_secret_that_got_into_officials_store_still_proves_nothing(scene: Scene) -> None:
    official = await scene.portal(Profile.OFFICIAL, log_in=False)
    key = scene.gateway.places[Profile.OFFICIAL].keys.current(Purpose.CREDENTIAL)
    planted = SecretDigest(digest=key.mac("planted"), key_id=key.kid, created_at=scene.clock.now())

    async def change(transaction: Transaction) -> None:
        await insert_secret(transaction, official.client_id, planted)

    deps = scene.gateway.deps
    await deps.audit.record(operator_entry(deps, "planted", actor=LOCAL), change=change)

    answer = await post(
        official, "grant_type=client_credentials", *basic(official.client_id, "planted").items()
    )

    assert refusal(answer) == UNPROVEN


async def test_without_a_scope_all_granted_but_the_sensitive_one_is_issued(scene: Scene) -> None:
    portal = await scene.portal(scopes=("verify", "prefill", "prefill.sensitive", "audit.read"))

    default, asked = await portal.ask_token(), await portal.ask_token({"scope": "prefill.sensitive verify"})

    assert default.json()["scope"].split() == ["audit.read", "prefill", "verify"]
    assert asked.json()["scope"].split() == ["prefill.sensitive", "verify"]
    assert read(asked.json()["access_token"])[1]["scope"] == asked.json()["scope"]


async def test_a_repeated_resource_must_be_ours_each_time(portal: Portal) -> None:
    ours, other = (f"&resource={quote(BASE + path, safe='')}" for path in ("/sandbox/v1", "/official/v1"))

    assert (await post(portal, "grant_type=client_credentials" + ours + ours)).status_code == 200
    for resources in (ours + other, other + ours, other + other, other + "&resource="):
        answer = await post(portal, "grant_type=client_credentials" + resources)
        assert refusal(answer) == (400, "invalid_target")


async def test_a_resource_is_ours_or_an_invalid_target(portal: Portal) -> None:
    assert (await portal.ask_token({"resource": f"{BASE}/sandbox/v1"})).status_code == 200
    for resource in (f"{BASE}/official/v1", f"{BASE}/sandbox", "https://other.example/", "x"):
        assert refusal(await portal.ask_token({"resource": resource})) == (400, "invalid_target")


async def test_a_key_holder_without_a_secret_cannot_use_one(scene: Scene) -> None:
    keyed = await scene.portal(key=ECKey.generate_key("P-256"), log_in=False)

    answer = await post(keyed, "grant_type=client_credentials", *basic(keyed.client_id, "").items())

    assert refusal(answer) == UNPROVEN


async def test_threat_4_official_says_that_it_takes_no_secret_whoever_sends_one(scene: Scene) -> None:
    official = await scene.portal(Profile.OFFICIAL, log_in=False)
    sandbox = await scene.portal(log_in=False)

    for client_id in (official.client_id, sandbox.client_id, "acc_nobody"):
        header = basic(client_id, "a-secret")["Authorization"]
        answer = await post(official, "grant_type=client_credentials", ("Authorization", header))
        assert refusal(answer) == UNPROVEN
        assert (
            answer.json()["error_description"] == "this profile takes no client secret: send client_assertion"
        )
