# Functions for the scripts in this folder: a token, a call, a member of an answer. Source it in bash.
#
#   ISSUER         the profile's address; default http://127.0.0.1:8000/sandbox (`make serve`)
#   CLIENT_ID      the account, as `make serve` prints it
#   CLIENT_SECRET  its secret; a secret works on sandbox only
#
# Needs curl and python3. Secret, token and bodies go to curl by pipes, never by argv, which other users could read.
# Official requires a signed DPoP proof with each call, which plain curl can't make: see ../python/walk.py.

export PYTHONUTF8=1
ISSUER=${ISSUER:-http://127.0.0.1:8000/sandbox}
ISSUER=${ISSUER%/}

fail() {
  printf 'failed: %s\n' "$*" >&2
  exit 1
}

# member NAME: print a member of the JSON on standard input; a dot goes one level down.
member() {
  python3 -c '
import json, sys
value = json.load(sys.stdin)
for name in sys.argv[1].split("."):
    value = value[name]
print(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))' "$1"
}

# send STATUS ADDRESS [curl options]: print the body of the answer; a status that does not match ends the script.
send() {
  local expected=$1 address=$2 answer status
  shift 2
  answer=$(curl --silent --show-error --max-time 30 --write-out '\n%{http_code}' "$@" "$address") ||
    fail "$address gave no answer"
  status=${answer##*$'\n'}
  answer=${answer%$'\n'*}
  [[ $status =~ ^($expected)$ ]] || fail "$address: expected $expected, got $status: $answer"
  printf '%s\n' "$answer"
}

# fetch_token [FORM MEMBER]: print a token; a member such as authorization_details=… narrows it.
fetch_token() {
  local answer
  if [ -z "${CLIENT_ID:-}" ] || [ -z "${CLIENT_SECRET:-}" ]; then
    echo 'set CLIENT_ID and CLIENT_SECRET to what make serve prints: export CLIENT_ID=acc_… CLIENT_SECRET=…' >&2
    exit 2
  fi
  case $ISSUER in
    */sandbox | */official) ;;
    *) fail "ISSUER is the address of a profile, such as http://127.0.0.1:8000/sandbox" ;;
  esac
  answer=$(send 200 "$ISSUER/oauth2/token" --data grant_type=client_credentials ${1:+--data-urlencode "$1"} \
    --config <(printf 'user = "%s:%s"\n' "$CLIENT_ID" "$CLIENT_SECRET")) || exit 1
  member access_token <<<"$answer"
}

bearer() {
  printf 'header = "Authorization: Bearer %s"\n' "$TOKEN"
}

# get STATUS PATH
get() {
  send "$1" "$ISSUER/v1$2" --config <(bearer)
}

# post STATUS PATH, the body on standard input
post() {
  send "$1" "$ISSUER/v1$2" --config <(bearer) --header 'Content-Type: application/json' --data-binary @-
}

# expect WHAT SEEN EXPECTED
expect() {
  [ "$2" = "$3" ] || fail "$1: expected $3, saw $2"
}
