"""The test portal beside the demo's programs: an account with a key of its own, and `portal serve`."""

import json
from typing import Any

from joserfc.jwk import ECKey

from demo.processes import Programs
from demo.scene import AGENCY, Scene

SCOPES = ("verify", "prefill", "prefill.sensitive", "ledger")


def start_portal(scene: Scene, *, port: int = 0) -> str:
    """Create the portal's account unless an earlier start did, start it and return its address."""
    programs = scene.programs
    key_file, account_file = programs.folder / "portal.jwk.json", programs.folder / "portal.account.json"
    known = {each["client_id"] for each in programs.gateway("accounts", "list") if each["state"] == "active"}
    account = json.loads(account_file.read_text(encoding="utf-8")) if account_file.exists() else {}
    if account.get("client_id") not in known:
        key = ECKey.generate_key("P-256")
        account = _create_account(programs, key)
        key_file.touch(mode=0o600)
        key_file.write_text(json.dumps(key.as_dict(private=True)), encoding="utf-8")
        account_file.write_text(json.dumps({"client_id": account["client_id"]}), encoding="utf-8")
    return programs.start_portal(
        {
            "PORTAL_GATEWAY_URL": scene.gateway,
            "PORTAL_CLIENT_ID": account["client_id"],
            "PORTAL_PRIVATE_KEY_FILE": str(key_file),
            "PORTAL_LOGIN_ISSUER": scene.mock.login,
            "PORTAL_MOCK_CONTROL_URL": scene.mock.control,
            "PORTAL_MOCK_CONTROL_TOKEN": scene.mock.control_token,
        },
        port=port,
    )


def _create_account(programs: Programs, key: ECKey) -> Any:
    public = programs.folder / "portal.public.jwk.json"
    public.write_text(json.dumps(key.as_dict(private=False)), encoding="utf-8")
    arguments = ["accounts", "create", "dvctt-portal", "--organisation", AGENCY, "--profile", "sandbox"]
    arguments += ["--all-procedures", "--all-fields", "--field", "ethnicity", "--field", "religion"]
    for scope in SCOPES:
        arguments += ["--scope", scope]
    officers = programs.folder / "sandbox.officers.txt"
    return programs.gateway(*arguments, "--officers-file", str(officers), "--public-key", str(public))
