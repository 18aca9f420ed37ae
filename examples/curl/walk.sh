#!/usr/bin/env bash
# From a token to a filled form, and the next procedure without a second question.
#
#   CLIENT_ID=acc_… CLIENT_SECRET=… examples/curl/walk.sh
#
# ISSUER, CLIENT_ID, CLIENT_SECRET: see gateway.sh. The account is the one that `make serve` prints.
set -euo pipefail
source "$(dirname "$0")/gateway.sh"

CLAIM='{"citizen_id": "001090000123", "full_name": "Nguyễn Văn An", "birth_date": "1990-01-31"}'
BIRTH='"procedure": "khai-sinh", "dossier": "HN-2022-000123", "subject_role": "requester"'
MARRIAGE='"procedure": "ket-hon", "dossier": "HN-2022-000124", "subject_role": "requester"'
CITIZEN='"initiated_by": {"kind": "citizen"}'

TOKEN=$(fetch_token)
echo 'token: fetched'

me=$(get 200 /me)
echo "me: $(member client_id <<<"$me"), reuse by $(member policy.reuse <<<"$me")"

# 201: the registry was asked. 200: a live verification was reused, as in a second run.
first=$(post '200|201' /verifications <<<"{$BIRTH, \"claim\": $CLAIM, $CITIZEN}")
expect verdict "$(member verdict <<<"$first")" confirmed
receipt=$(member receipt <<<"$first")
echo "verified: confirmed, origin $(member origin <<<"$first"), until $(member expires_at <<<"$first")"

form=$(post 200 /prefills <<<"{$BIRTH, \"receipt\": \"$receipt\", \"fields\": [\"full_name\", \"birth_date\"], $CITIZEN}")
expect state "$(member fields.full_name.state <<<"$form")" filled
echo "filled: full_name $(member fields.full_name.value <<<"$form")"
echo "filled: birth_date $(member fields.birth_date.value <<<"$form")"

next=$(post 200 /verifications <<<"{$MARRIAGE, \"claim\": $CLAIM, $CITIZEN}")
expect origin "$(member origin <<<"$next")" reuse
next_receipt=$(member receipt <<<"$next")
echo 'next procedure: confirmed, origin reuse'

check=$(post 200 /receipts/check <<<"{\"receipt\": \"$next_receipt\"}")
expect valid "$(member valid <<<"$check")" true
echo "receipt: valid for $(member procedure <<<"$check")"

ledger=$(post 200 /ledger <<<"{\"receipt\": \"$receipt\"}")
kinds=$(python3 -c 'import json, sys; print(*(entry["kind"] for entry in json.load(sys.stdin)["entries"]))' <<<"$ledger")
echo "ledger: $kinds"
