"""Which table has which class of data, for how long, and under which key. A test compares it with the schema.

Classes, from none to the most personal:

- `technical`: a number, a state or a time of the gateway's own;
- `organisation`: about an agency, its accounts or its connection;
- `operator`: the short name of a person who runs the gateway, or what proves who they are;
- `secret`: a secret or key, as a keyed digest or sealed;
- `pseudonym`: a keyed HMAC of a citizen's number or claim, or of an officer's id;
- `case`: a citizen's case without a name: dossier, procedure, verdict, names of fields, texts about it;
- `personal`: a citizen's claim, answer or note, sealed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

KEPT = "as long as the gateway; no deletion"
EVIDENCE = "GATEWAY_AUDIT_RETENTION_MONTHS, then `gateway audit erase`; without it as long as the gateway"
FAMILY = "with the verification; no deletion of the row"
CLAIM = "until expiry, invalidation or revocation, at most 60 s longer"
MINUTES = "minutes, until the cleanup"

CLASSES = ("technical", "organisation", "operator", "secret", "pseudonym", "case", "personal")


@dataclass(frozen=True, slots=True, kw_only=True)
class TableClass:
    """A table's columns by class, how long its rows are kept, and the key without which a column can't be read or computed.

    `retentions`: columns with another retention than the row.
    """

    retention: str
    classes: Mapping[str, str]
    keys: Mapping[str, str] = field(default_factory=dict)
    retentions: Mapping[str, str] = field(default_factory=dict)

    def columns(self) -> dict[str, str]:
        """Return the class of each column."""
        return {column: name for name, columns in self.classes.items() for column in columns.split()}


TABLES: Mapping[str, TableClass] = {
    "account_keys": TableClass(
        retention=KEPT,
        classes={"technical": "added_at retired_at", "organisation": "client_id thumbprint jwk"},
    ),
    "account_officers": TableClass(
        retention=KEPT,
        classes={"technical": "added_at disabled_at", "organisation": "client_id", "pseudonym": "officer"},
        keys={"officer": "pseudonym"},
    ),
    "account_secrets": TableClass(
        retention="until the secret expires; the row stays",
        classes={
            "technical": "key_id created_at expires_at",
            "organisation": "client_id",
            "secret": "digest",
        },
        keys={"digest": "credential"},
    ),
    "accounts": TableClass(
        retention=KEPT,
        classes={
            "technical": "profile state scopes grants grant_epoch bearer_allowed created_at",
            "organisation": "client_id organisation name promoted_from",
        },
    ),
    "applications": TableClass(
        retention=KEPT,
        classes={
            "technical": "sha256 made_at procedures operations rate_per_second rate_per_day",
            "operator": "made_by",
        },
    ),
    "audit_checkpoints": TableClass(retention=KEPT, classes={"technical": "size root note frontier at"}),
    "audit_entries": TableClass(
        retention=EVIDENCE,
        classes={
            "technical": "id month salt profile kind leaf mac",
            "organisation": "organisation client_id",
            "pseudonym": "citizen",
            "case": "body request_code request_id",
        },
        keys={"citizen": "pseudonym", "body": "pseudonym", "mac": "evidence"},
    ),
    "audit_promises": TableClass(retention=KEPT, classes={"technical": "entry leaf", "case": "verification"}),
    "audit_rows": TableClass(retention=KEPT, classes={"technical": "row previous hash digest entry leaf"}),
    "audit_subtrees": TableClass(retention=KEPT, classes={"technical": "level position hash"}),
    "audit_waiting": TableClass(
        retention="seconds, until the entry has its row", classes={"technical": "entry"}
    ),
    "callers_version": TableClass(retention=KEPT, classes={"technical": "id version"}),
    "changes": TableClass(
        retention=KEPT,
        classes={
            "technical": "id kind profile state proposed_at expires_at preflight preflighted_at approved_at activated_at watch_until returning_until ended_at",
            "organisation": "document diff",
            "operator": "proposed_by approved_by activated_by ended_by reason proposer_admitted_by",
        },
    ),
    "deployment": TableClass(retention=KEPT, classes={"technical": "name value"}),
    "discrepancies": TableClass(
        retention=KEPT,
        classes={
            "technical": "id profile subject_key filed_at resolved_at",
            "organisation": "client_id",
            "operator": "resolved_by",
            "secret": "wrapped_key",
            "pseudonym": "subject",
            "case": "prefill field state reason_vi reason",
            "personal": "sealed_note",
        },
        keys={"subject": "pseudonym", "sealed_note": "data", "wrapped_key": "data"},
    ),
    "enquiry_alarms": TableClass(
        retention="a day",
        classes={"technical": "profile budget raised_at used most", "organisation": "client_id"},
    ),
    "enquiry_counts": TableClass(
        retention="a day", classes={"technical": "profile since answered", "organisation": "client_id"}
    ),
    "flights": TableClass(
        retention=MINUTES,
        classes={
            "technical": "act lease_ends_at landed_at failure registry_code",
            "pseudonym": "key",
            "case": "verification",
        },
        keys={"key": "pseudonym"},
    ),
    "holdings": TableClass(
        retention=KEPT,
        classes={
            "technical": "profile",
            "organisation": "organisation",
            "pseudonym": "card card_holder person person_holder",
        },
        keys={
            "card": "pseudonym",
            "card_holder": "pseudonym",
            "person": "pseudonym",
            "person_holder": "pseudonym",
        },
    ),
    "idempotent_requests": TableClass(
        retention="24 hours",
        classes={
            "technical": "profile route lease lease_ends_at status answer_ends_at expires_at",
            "organisation": "client_id",
            "pseudonym": "key_digest body_digest",
            "case": "verification",
            "personal": "sealed",
        },
        keys={
            "key_digest": "idempotency",
            "body_digest": "idempotency",
            "sealed": "idempotency, and the caller's own Idempotency-Key",
        },
        retentions={"sealed": "10 minutes at most"},
    ),
    "keys": TableClass(
        retention=KEPT,
        classes={
            "technical": "kid profile purpose serial created_at serves_from accepted_until",
            "secret": "sealed",
        },
        keys={"sealed": "master"},
    ),
    "operator_sessions": TableClass(
        retention="8 hours; deleted at the next login",
        classes={"technical": "made_at used_at ends_at", "operator": "operator", "secret": "digest"},
        keys={"digest": "credential"},
    ),
    "operators": TableClass(
        retention=KEPT,
        classes={
            "technical": "role state last_step code_ends_at created_at admitted_in role_since",
            "operator": "name created_by",
            "secret": "password_hash sealed_totp code_digest",
        },
        keys={"sealed_totp": "master", "code_digest": "credential"},
    ),
    "organisations": TableClass(
        retention=KEPT, classes={"technical": "created_at", "organisation": "id name"}
    ),
    "prefills": TableClass(
        retention=FAMILY,
        classes={
            "technical": "id profile made_at",
            "organisation": "client_id",
            "case": "verification fields",
        },
    ),
    "preflight_runs": TableClass(
        retention="an hour", classes={"technical": "id change profile begun_at asked_at questions"}
    ),
    "profile_standings": TableClass(
        retention=KEPT,
        classes={
            "technical": "profile active former suspended_at policy two_people_since",
            "operator": "suspended_by suspended_for",
        },
    ),
    "renamed_numbers": TableClass(
        retention=KEPT,
        classes={"technical": "profile", "organisation": "organisation", "pseudonym": "pseudonym stable"},
        keys={"pseudonym": "pseudonym", "stable": "pseudonym"},
    ),
    "reservations": TableClass(
        retention=MINUTES,
        classes={
            "technical": "act profile ends_at own_login",
            "organisation": "client_id organisation",
            "pseudonym": "subject claim_key",
        },
        keys={"subject": "pseudonym", "claim_key": "lookup"},
    ),
    "revision_secrets": TableClass(
        retention=KEPT,
        classes={"technical": "profile number member", "secret": "sealed"},
        keys={"sealed": "master"},
    ),
    "revisions": TableClass(
        retention=KEPT,
        classes={
            "technical": "profile number proposed_at stated_hour stated_day",
            "organisation": "document",
            "operator": "proposed_by",
        },
    ),
    "revoked_tokens": TableClass(retention=MINUTES, classes={"technical": "jti expires_at"}),
    "spent_ids": TableClass(
        retention="two hours at most", classes={"technical": "kind jti expires_at", "organisation": "owner"}
    ),
    "verifications": TableClass(
        retention="the row: no deletion",
        classes={
            "technical": "id profile claim_key_id verified_at expires_at subject_key",
            "organisation": "client_id organisation",
            "secret": "wrapped_key",
            "pseudonym": "subject claim_key holder",
            "case": "procedure procedure_code dossier subject_role verdict origin derived_from state own_login",
            "personal": "sealed_claim",
        },
        keys={
            "subject": "pseudonym",
            "holder": "pseudonym",
            "claim_key": "lookup",
            "sealed_claim": "data",
            "wrapped_key": "data",
        },
        retentions={"sealed_claim": CLAIM, "wrapped_key": CLAIM},
    ),
    "watch_tallies": TableClass(
        retention="with the change",
        classes={"technical": "change link asked refused_logins invalid_answers failures"},
    ),
}


def privacy_report() -> dict[str, object]:
    """Return each table with its columns: class, retention and key; null where there is no key."""
    return {
        "tables": [
            {
                "table": name,
                "columns": [
                    {
                        "name": column,
                        "class": found,
                        "retention": table.retentions.get(column, table.retention),
                        "key": table.keys.get(column),
                    }
                    for column, found in table.columns().items()
                ],
            }
            for name, table in sorted(TABLES.items())
        ]
    }
