#!/usr/bin/env bash
# The most common refusals, each caused on purpose. Only the wrong name is sent to the registry, and it costs one of the
# account's wrong claims.
#
#   CLIENT_ID=acc_… CLIENT_SECRET=… examples/curl/refusals.sh
#
# ISSUER, CLIENT_ID, CLIENT_SECRET: see gateway.sh. The account is the one that `make serve` prints.
set -euo pipefail
source "$(dirname "$0")/gateway.sh"

ACT='"procedure": "khai-sinh", "dossier": "HN-2022-000125", "subject_role": "requester"'
CITIZEN='"initiated_by": {"kind": "citizen"}'
claim() { # NAME DATE
  printf '{"citizen_id": "001090000123", "full_name": "%s", "birth_date": "%s"}' "$1" "$2"
}

TOKEN=not.a.token
refused=$(get 401 /me)
expect code "$(member code <<<"$refused")" token_invalid
echo '401 token_invalid: fetch a new token'

TOKEN=$(fetch_token)

wrong=$(post 201 /verifications <<<"{$ACT, \"claim\": $(claim 'Nguyễn Văn Sai' 1990-01-31), $CITIZEN}")
expect verdict "$(member verdict <<<"$wrong")" not_confirmed
expect receipt "$(member receipt <<<"$wrong")" null
echo '201 not_confirmed: no receipt, and no hint which part is wrong'

refused=$(post 422 /verifications <<<"{$ACT, \"claim\": $(claim 'Nguyễn Văn An' 1990-02-31), $CITIZEN}")
expect code "$(member code <<<"$refused")" claim_invalid
echo "422 claim_invalid: $(python3 -c 'import json, sys; print(json.load(sys.stdin)["errors"][0]["field"])' <<<"$refused")"

TOKEN=$(fetch_token 'authorization_details=[{"type":"citizen_enquiry","procedures":["*"],"subject_roles":["*"],"fields":["full_name"]}]')
refused=$(post 403 /prefills <<<"{$ACT, \"receipt\": \"not.a.receipt\", \"fields\": [\"citizen_id\"], $CITIZEN}")
expect code "$(member code <<<"$refused")" field_not_granted
echo '403 field_not_granted: ask only for fields of the grant'
TOKEN=$(fetch_token)

refused=$(post 422 /receipts/check <<<'{"receipt": "not.a.receipt"}')
expect code "$(member code <<<"$refused")" receipt_invalid
echo '422 receipt_invalid: not a receipt of this account'

refused=$(send 403 "${ISSUER%/*}/official/v1/me" --config <(bearer))
expect code "$(member code <<<"$refused")" profile_mismatch
echo '403 profile_mismatch: a sandbox token is valid only on sandbox'
