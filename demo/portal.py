"""The test portal beside the demo's programs: an account with a key of its own, a suspended one, and `portal serve`."""

import json
from collections.abc import Mapping

from joserfc.jwk import ECKey

from demo.processes import Programs
from demo.scene import AGENCY, Scene

SCOPES = ("verify", "prefill", "prefill.sensitive", "ledger")
SENSITIVE_FIELDS = ("ethnicity", "religion")


def start_portal(scene: Scene, *, port: int = 0, caller: Mapping[str, str] | None = None) -> str:
    """Create the portal's account unless an earlier start did, start it and return its address.

    What `caller` sets has precedence.
    """
    programs = scene.programs
    programs.say("starting the test portal")
    key_file, account_file = programs.folder / "portal.jwk.json", programs.folder / "portal.account.json"
    states = {each["client_id"]: each["state"] for each in programs.gateway("accounts", "list")}
    account = json.loads(account_file.read_text(encoding="utf-8")) if account_file.exists() else {}
    if (
        states.get(account.get("client_id")) != "active"
        or states.get(account.get("suspended")) != "suspended"
    ):
        key = ECKey.generate_key("P-256")
        account = _create_accounts(programs, key)
        key_file.touch(mode=0o600)
        key_file.write_text(json.dumps(key.as_dict(private=True)), encoding="utf-8")
        account_file.write_text(json.dumps(account), encoding="utf-8")
    return programs.start_portal(
        {
            "PORTAL_GATEWAY_URL": scene.gateway,
            "PORTAL_CLIENT_ID": account["client_id"],
            "PORTAL_PRIVATE_KEY_FILE": str(key_file),
            "PORTAL_LOGIN_ISSUER": scene.mock.login,
            "PORTAL_MOCK_CONTROL_URL": scene.mock.control,
            "PORTAL_MOCK_CONTROL_TOKEN": scene.mock.control_token,
            "PORTAL_SUSPENDED_CLIENT_ID": account["suspended"],
            **(caller or {}),
        },
        port=port,
    )


def _create_accounts(programs: Programs, key: ECKey) -> dict[str, str]:
    """Create the portal's account and, with the same key, one that is suspended: `/_test` shows how its calls are refused."""
    public = programs.folder / "portal.public.jwk.json"
    public.write_text(json.dumps(key.as_dict(private=False)), encoding="utf-8")
    arguments = ["--organisation", AGENCY, "--profile", "sandbox", "--all-procedures", "--all-fields"]
    for field in SENSITIVE_FIELDS:
        arguments += ["--field", field]
    for scope in SCOPES:
        arguments += ["--scope", scope]
    arguments += [
        "--officers-file",
        str(programs.folder / "sandbox.officers.txt"),
        "--public-key",
        str(public),
    ]
    own, suspended = (
        programs.gateway("accounts", "create", name, *arguments)["client_id"]
        for name in ("dvctt-portal", "dvctt-portal-suspended")
    )
    programs.gateway_says("accounts", "suspend", suspended)
    return {"client_id": own, "suspended": suspended}
