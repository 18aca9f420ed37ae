"""The words of the OpenAPI document: a description for each member and each operation that has none in the code.

A member means the same wherever it occurs, so one table describes all. A test fails for a member or an operation without
a description.
"""

from collections.abc import Mapping

MEMBERS: Mapping[str, str] = {
    "cause": "Why the store can't work; `docs/operations.md` says what to do for each cause.",
    "hashes": "The hashes of the proof in base64, in the order of RFC 9162.",
    "leaf_hash": "The row's leaf hash in base64 (RFC 9162 §2.1.1).",
    "leaf_index": "The row's place in the tree, from 0: `row` less 1.",
    "root": "The tree's root hash in base64.",
    "row": "The row's number, from 1.",
    "size": "The number of rows in the tree.",
    "to": "The size of the later tree.",
    "tree_size": "The size of the tree that the proof leads to.",
    "access_key": "The platform's access key of the connection.",
    "access_token": "The token; send it as `token_type` says.",
    "account_hour": "Distinct wrong claims of the account within an hour.",
    "account_name": "The account's name at official.",
    "accounts": "Accounts with limits of their own, by client id; null removes them.",
    "acr": "The authentication's level, as the portal asserts it.",
    "activated_at": "When the change was applied.",
    "activated_by": "Who applied it.",
    "active": "For a token: whether it is valid. For a profile: the number of the revision in use.",
    "adapter": "The platform's adapter headers.",
    "admitted_in": "The change by which two people admitted the operator.",
    "agency": "The agency's e-id at the registry.",
    "alg": "The signature algorithm of the key.",
    "allow_bearer": "Whether the account may send its tokens without DPoP on official.",
    "allowed": "Whether nothing would be refused.",
    "app_name": "The adapter's application name.",
    "application": "SHA-256 of the application's bundle.",
    "approved_at": "When a second person approved it.",
    "approved_by": "Who approved it.",
    "as_of": "The registry's own time of the record; null if its answer has none.",
    "at": "When it happened.",
    "aud": "The API that the token is for.",
    "auth_time": "When the person was authenticated, as the portal asserts it.",
    "authentication": "How the portal authenticated the person.",
    "authorization_details": (
        "RFC 9396: what the account, or this token, may ask for. Each entry counts by itself; entries are not combined."
    ),
    "authorization_details_types_supported": "The types of `authorization_details`.",
    "authorization_servers": "The issuers whose tokens are accepted.",
    "bearer_methods_supported": "How a Bearer token is sent.",
    "back_off_minutes": "While a budget of wrong claims is spent: the minutes after the last wrong claim until one further claim is let through; the last number repeats.",
    "birth_date": "The day of birth, `YYYY-MM-DD`.",
    "birth_year": "The year of birth, if the day is not known.",
    "budget": "Which budget.",
    "budgets": "Limits, and how much of them is used.",
    "c06_secret": "The secret of the login at the registry; sealed, never shown.",
    "c06_user": "The login at the registry.",
    "changes": "The changes.",
    "checks": "The lines of the preflight.",
    "citizen": "What the citizen can do, in English.",
    "citizen_id": "The number of the citizen's card: 12 digits.",
    "citizen_vi": "What the citizen can do, in Vietnamese, where there is something.",
    "claim": "What the citizen says about a person.",
    "client_certificate": "The certificate for mutual TLS, as PEM.",
    "client_id": "The account's id.",
    "client_key": "The key of the certificate, as PEM; sealed, never shown.",
    "cnf": "The key that the token is bound to.",
    "code": "The machine code.",
    "code_list": "The name of the code list; null where there is none.",
    "confirmed_day": "Answered enquiries of the account within a day.",
    "confirmed_hour": "Answered enquiries of the account within an hour.",
    "contact": "Who to call at the registry.",
    "country": "The country's ISO 3166-1 code.",
    "created_at": "When it was created.",
    "created_by": "Who created it.",
    "credential_days_left": "In how many days each profile's credentials at the registry end.",
    "credential_warnings": "A warning about each profile's credentials, or null.",
    "credentials": "The account's keys and secrets, without their values.",
    "crv": "The curve of the key.",
    "date_form": "How a question writes a birth date; null: as the dialect usually does.",
    "days_left": "In how many days the credentials at the registry end.",
    "deadline_ms": "How long the gateway waits for the registry, in milliseconds.",
    "derived_from": "The verification for which the registry was asked; null if it is this one.",
    "detail": "What is wrong and what to do, in English; in an address, the part without a code.",
    "detail_vi": "The same in Vietnamese.",
    "dialect": "The message format of the connection.",
    "diff": "What the change changes, as lines.",
    "diff_hash": "The digest of the diff, which an approval repeats.",
    "discrepancies": "The discrepancies of this page.",
    "district_code": "The district's code; null in lists without districts.",
    "dossier": "The portal's own id of the dossier.",
    "dpop_bound_access_tokens_required": "Whether tokens must be bound to a key.",
    "dpop_signing_alg_values_supported": "The algorithms of DPoP proofs.",
    "earlier_left_out": "There are earlier entries than these.",
    "ended_at": "When it ended.",
    "ended_by": "Who ended it.",
    "enquiry_alarms": "Accounts that have used 80 % of a limit.",
    "enquiry_warnings": "A warning about each profile's enquiries, or null.",
    "entries": "The entries, oldest first.",
    "epoch": "A number that each configuration change raises.",
    "error": "The error's code.",
    "error_description": "What is wrong.",
    "errors": "Every error of the kind that `code` names.",
    "exp": "When the token ends, in seconds since 1970.",
    "expires_at": "When it ends; null if it does not.",
    "expires_in": "In how many seconds the token ends.",
    "expires_on": "The day on which the credentials end.",
    "failures": "At how many failures the switch is rolled back.",
    "field": "Where: dotted (`claim.citizen_id`, `fields.3`), or the field's name.",
    "fields": "The fields, by name.",
    "filed_at": "When it was filed.",
    "former": "The number of the revision before.",
    "fresh": "Ask the registry even if a live verification could be reused; false if absent.",
    "from": "Whether the registry has the field, or the citizen declares it.",
    "full_name": "The full name.",
    "grant_types_supported": "The grant types.",
    "granted": "Whether the account may ask for the field.",
    "iat": "When the token was issued, in seconds since 1970.",
    "id": "Its id.",
    "id_card_number": "The number of the old identity card: 9 digits.",
    "initiated_by": "Who started the enquiry at the portal.",
    "integration_codes": "C06's integration code of each operation.",
    "introspection_endpoint": "The address for introspection.",
    "introspection_endpoint_auth_methods_supported": "How a client authenticates there.",
    "introspection_endpoint_auth_signing_alg_values_supported": "The algorithms of its assertions there.",
    "invalid_answers": "At how many invalid answers the switch is rolled back.",
    "iss": "Who issued the token.",
    "issuer": "The profile's issuer (RFC 8414).",
    "jkt": "The thumbprint of the key.",
    "jti": "The token's id.",
    "jwks_uri": "The address of the token keys.",
    "keys": "The public keys.",
    "kid": "The key's id.",
    "kind": "The kind.",
    "kty": "The key's type.",
    "label": "The code's label.",
    "label_en": "The field's label in English.",
    "label_vi": "The field's label in Vietnamese.",
    "legal_basis": "The legal basis.",
    "limit": "The limit.",
    "locked": "Always true: the citizen can't change the value in the form.",
    "login_only": "Check only the login at the registry.",
    "members": "The revision's members; secrets are sealed.",
    "method": "How the person was authenticated, as the portal asserts it.",
    "ms": "How long it took, in milliseconds.",
    "name": "Its name.",
    "name_en": "The name in English.",
    "name_vi": "The name in Vietnamese.",
    "ngsp_key": "The key at the data sharing platform.",
    "ngsp_secret": "The secret at the data sharing platform; sealed, never shown.",
    "note": "What is wrong, for the operators.",
    "number": "The number.",
    "officer": "The officer's id; in a ledger a pseudonym.",
    "officers": "The officers' ids.",
    "official": "Of the profile `official`.",
    "operation": "The registry's operation that returns the field.",
    "operations": "The registry's operations that the fields need.",
    "operators": "The operators.",
    "organisation": "The agency's e-id.",
    "organisation_name": "The organisation's name.",
    "own_login_day": "Distinct wrong claims, within a day, of a person who has signed in themselves, about their own number.",
    "origin": "`registry` if the registry was asked, `reuse` if not.",
    "outcome": "How it ended.",
    "partner_code": "The adapter's partner code.",
    "partner_code_cus": "The adapter's customer partner code.",
    "passed": "Whether it passed.",
    "password": "The operator's password.",
    "policy": "The policy of the profile.",
    "prefill": "A prefill: its id, its fields, or its values.",
    "preflight_passed": "Whether the last preflight passed.",
    "preflighted_at": "When the last preflight ran.",
    "procedure": "The service: its slug, or a code (mã TTHC) that is valid today.",
    "procedure_code": "The code (mã TTHC) that is valid on this day; null if there is none.",
    "procedures": "The services.",
    "profile": "The profile: `sandbox` or `official`.",
    "profiles": "The profiles.",
    "proposed_at": "When it was proposed.",
    "proposed_by": "Who proposed it.",
    "province_code": "The province's code.",
    "public_key": "A public JWK, or a JWK Set.",
    "purpose": "What the data is for, in Vietnamese.",
    "purpose_en": "What the data is for, in English.",
    "raised_at": "When the alarm was raised.",
    "reason": "Why.",
    "receipt": "The receipt, a signed token; null unless confirmed and live.",
    "refusals": "What would be refused.",
    "refused_logins": "At how many refused logins the switch is rolled back.",
    "registry_code": "The registry's own code.",
    "registry_url": "The registry's address.",
    "relation": "The relation to the head of the household.",
    "remedy": "What to do.",
    "request_id": "The gateway's id of this call.",
    "required": "Whether the form needs it.",
    "resource": "The API that the metadata is about.",
    "response_types_supported": "The response types: none.",
    "retrieved_at": "When the gateway got the value.",
    "reuse": "Where a live verification is reused: in the whole account, or in one dossier.",
    "reuse_seconds": "How long a verification is valid, in seconds.",
    "revision": "The number of the revision, or the proposed revision.",
    "revisions": "The revisions.",
    "revocation_endpoint": "The address for revocation.",
    "revocation_endpoint_auth_methods_supported": "How a client authenticates there.",
    "revocation_endpoint_auth_signing_alg_values_supported": "The algorithms of its assertions there.",
    "role": "The role.",
    "role_since": "Since when the operator has this role.",
    "roles": "The roles.",
    "sandbox": "Of the profile `sandbox`.",
    "scopes": "The scopes.",
    "scopes_supported": "The scopes that exist.",
    "seconds": "How long the switch is watched.",
    "secret_key": "The adapter's secret key; sealed, never shown.",
    "sensitive": "Whether the field needs the scope `prefill.sensitive`, and its name in the grant.",
    "service_codes": "The code MaDVC of each service.",
    "shown_once": "Secrets that are shown only in this answer.",
    "slug": "The service's name in addresses.",
    "source": "Where the value comes from.",
    "state": "The state.",
    "status": "The status.",
    "sub": "The client that the token was issued to.",
    "subject_day": "Distinct wrong claims about one person within a day.",
    "subject_role": "The person's role in the form.",
    "subject_roles": "The roles that may be asked about; `*`: all.",
    "suspended_at": "When the profile was suspended.",
    "suspended_by": "Who suspended it.",
    "test_data": "Whether the registry behind is a mock or a test: the data is of no real person.",
    "test_identity": "A person whom the registry made for tests; sealed.",
    "test_identity_source": "Where the test identity comes from.",
    "timestamp_unit": "The unit of the registry's time stamps.",
    "title": "What happened, in English.",
    "title_vi": "What happened, in Vietnamese.",
    "to_declare": "Every field of the form that the citizen must still fill, in the order of the form.",
    "token": "The token.",
    "token_endpoint": "The address that issues tokens.",
    "token_endpoint_auth_methods_supported": "How a client authenticates there.",
    "token_endpoint_auth_signing_alg_values_supported": "The algorithms of its assertions there.",
    "token_type": "How the token is sent: `Bearer`, or `DPoP` with a proof.",
    "type": "The type.",
    "use": "What the key is for.",
    "used": "How much of it is used.",
    "valid": "Whether the receipt is still valid.",
    "value": "The registry's value.",
    "verdict": "`confirmed` if the registry agrees with the claim; it does not say who sits at the screen.",
    "verification": "The verification's id.",
    "verified_at": "When the registry was asked.",
    "ward_code": "The ward's code.",
    "warning": "A warning, or null.",
    "watch": "How a new revision is watched.",
    "watch_until": "Until when the switch is watched.",
    "x": "A coordinate of the public key.",
    "x_road_client": "The client's id on the X-Road.",
    "y": "The other coordinate of the public key.",
}
"""Descriptions of members by name."""

OPERATIONS: Mapping[str, str] = {
    "get_checkpoint": "The last signed checkpoint of the audit as a C2SP note: origin, number of rows, root, signatures. It has hashes only.",
    "get_checkpoint_keys": "The public keys that sign checkpoints, one line each (C2SP vkey), also those that no longer sign.",
    "get_tile": "A tile of the audit's tree (C2SP tlog-tiles): up to 256 hashes of 32 bytes.",
    "get_latest_checkpoint": "The last signed checkpoint as JSON, with its note.",
    "prove_inclusion": "The hashes that lead from a row's leaf to the root of a tree of `tree_size` rows, by default the last checkpoint's (RFC 9162 §2.1.3).",
    "prove_consistency": "The hashes that show that the tree of `to` rows begins with the tree of `from` rows (RFC 9162 §2.1.4).",
    "prove_receipt": "The proof that the signed log has the row that a receipt promises (C2SP tlog-proof). 503 `proof_pending` for a second after the verification.",
    "get_server_metadata": "The endpoints, scopes and algorithms of a profile's authorization server.",
    "get_resource_metadata": "Which authorization server issues the tokens of a profile's API.",
    "get_token_keys": "The public keys that sign access tokens. A verifier may keep them for a minute.",
    "get_receipt_keys": "The public keys that sign receipts, kept as long as receipts are evidence.",
    "issue_token": (
        "Client credentials (RFC 6749 §4.4). On sandbox a client secret in the Basic header is enough; "
        "official needs an assertion signed with the account's key (RFC 7523) and a DPoP proof (RFC "
        "9449). A token is valid for 300 seconds."
    ),
    "introspect_token": "Whether a token of this client is valid, and its claims (RFC 7662).",
    "revoke_token": "End a token of this client (RFC 7009). The answer is the same for any text.",
    "get_docs": "The calls and the problems, with no external resource.",
    "get_document": "The same as `openapi/gateway.json` in the repository, with this server's address.",
    "live": "For a process monitor: it says nothing about the store.",
    "ready": "For a load balancer: 503 while the store does not work.",
    "show_weekly_report": (
        "The figures of `gateway report weekly` as a page. For a token with the scope `reports.read`, an operator's token, or a "
        "browser that is signed in at `/console/login`."
    ),
    "get_problem": "What a problem means and what to do, in Vietnamese and English.",
    "verify_citizen": (
        "Ask the registry whether a claim is right. A live verification of the same claim is reused: the "
        "answer is 200 and the registry is not asked. With `prefill` the form is filled in the same "
        "call. A wrong claim is an answer, not an error: 201 with `not_confirmed`, without a hint which "
        "part is wrong."
    ),
    "get_verification": "A verification in any state, until its retention ends.",
    "revoke_verification": (
        "End the verification and all that derive from the same answer of the registry. For the next enquiry the registry is "
        "asked again."
    ),
    "evaluate_fields": (
        "What the grants and scopes of this token allow for a form, without a claim and without a "
        "question to the registry."
    ),
    "check_receipt": "Whether a receipt of this account is still valid, and if not, why.",
    "show_own_ledger": (
        "What every organisation asked in this profile about the citizen of the header Citizen-Token; the latest 500 rows. Each "
        "reading is an audit row, which the ledger shows too (`kind`: `shown`)."
    ),
    "show_ledger": (
        "What this organisation asked about the citizen of a receipt, with the legal basis of each enquiry."
    ),
    "prefill_form": (
        "Ask the registry for the fields of a form. Send a receipt or a verification's id; the "
        "procedure, dossier and role are repeated, and must be those of the verification. The answer is 200 also when the "
        "registry gave nothing: then the citizen declares."
    ),
    "file_discrepancy": (
        "The citizen says that a value of the registry is wrong. Until an operator resolves it, prefills "
        "of this account do not fill the field for this citizen. The same again while it is open is "
        "answered with the first one."
    ),
    "list_discrepancies": "In pages: send `next` as `after` to get the next one.",
    "get_discrepancy": "The state, and once it is resolved the operators' reason for the citizen.",
    "list_procedures": "The 25 essential services of Đề án 06, each with its roles.",
    "get_procedure": (
        "The fields of each form, which of them the registry has, and which this account may ask for."
    ),
    "get_me": "The calling account: grants, scopes, budgets, credentials and policy.",
    "list_all_discrepancies": "In pages. Needs the role `data_protection` or `approver`.",
    "read_discrepancy": (
        "With the portal's note while it is open. Needs the role `data_protection` or `approver`."
    ),
    "resolve_discrepancy": (
        "The portal shows the reason to the citizen; the note is deleted and the field is filled again. "
        "Needs the role `data_protection` or `approver`."
    ),
    "open_session": (
        "Name, password and the authenticator's code; each code works once. The token ends after 30 "
        "minutes without a call, and after 8 hours."
    ),
    "close_session": "End the session of the token.",
    "list_operators": "Any operator may see who may do what.",
    "list_profiles": "Any operator may see it; secrets stay sealed.",
    "list_revisions": "Each revision with its state; secrets stay sealed.",
    "list_changes": "Who did what and when, and how each ended.",
    "get_change": "The change with its diff, and the lines of its last preflight.",
    "propose_change": "A proposer proposes; `kind` decides which other members are required.",
    "preflight_change": (
        "Asks the registry with the proposed connection, with the impossible number and the sealed test "
        "identity only."
    ),
    "approve_change": "A second person approves; `diff_hash` says what was read.",
    "activate_change": "On official a second person, after the approval; on sandbox any proposer or approver, after the preflight.",
    "reject_change": "The proposer or an approver ends it.",
    "rollback_change": "The former revision is in use again.",
    "suspend_profile": "One person does it: on official an approver, on sandbox a proposer or an approver. To resume takes a change.",
}
"""Descriptions of operations by id."""

PATH_WORDS: Mapping[str, str] = {
    "profile": "The profile: each has its own tokens, accounts and registry.",
    "change": "The change's id.",
    "discrepancy_id": "The discrepancy's id.",
    "verification_id": "The verification's id.",
    "procedure": "The service: its slug, or a code (mã TTHC) that is valid today.",
    "code": "The problem's code.",
    "tile": "The tile's place: `L/N` or `L/N.p/W` (C2SP tlog-tiles).",
    "from": "The size of the earlier tree.",
    "to": "The size of the later tree.",
}
"""Descriptions of the parameters of paths."""

PORTALS, OPERATORS, EVERYBODY = "portals", "operators", "everybody"

READERS: Mapping[str, str] = {
    PORTALS: "For portals: tokens, verifications, prefills, receipts, discrepancies. Under the path of each profile.",
    OPERATORS: "For the gateway's operators: profiles, changes, discrepancies. Needs an operator's session.",
    EVERYBODY: "Open: public keys, metadata, health, this document.",
}
"""The tags of operations: who reads them."""

_CITIZEN = {"kind": "citizen"}
_KHAI_SINH = {"procedure": "khai-sinh", "dossier": "HN-2022-000123", "subject_role": "requester"}
_CLAIM = {"citizen_id": "001090000123", "full_name": "Nguyễn Văn An", "birth_date": "1990-01-31"}

EXAMPLES: Mapping[str, Mapping[str, object]] = {
    "VerificationBody": {**_KHAI_SINH, "claim": _CLAIM, "initiated_by": _CITIZEN},
    "PrefillBody": {
        **_KHAI_SINH,
        "verification": "ver_" + "a" * 25,
        "fields": ["full_name", "permanent_residence"],
        "initiated_by": _CITIZEN,
    },
    "DiscrepancyBody": {"prefill": "pre_" + "a" * 25, "field": "gender", "note": "Sai giới tính"},
    "EvaluationBody": {"procedure": "khai-sinh", "subject_role": "father", "fields": ["full_name"]},
    "LoginBody": {"name": "lan.nguyen", "password": "ba con voi di choi", "totp": "123456"},
    "ResolutionBody": {"as": "corrected", "reason_vi": "Đã sửa số nhà.", "reason": "It was corrected."},
    "ApprovalBody": {"diff_hash": "0" * 64},
    "ProposalBody": {"kind": "resume_profile", "profile": "sandbox"},
}
"""An example of a body, by the name of its schema."""
