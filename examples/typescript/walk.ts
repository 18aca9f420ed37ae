// The main job of a portal against a sandbox: verify a citizen, fill a form, go on to the next procedure.
// ISSUER, CLIENT_ID and CLIENT_SECRET are those of `make serve`. See docs/portal-developers.md.
import type { components, paths } from "./gateway.js";

declare const process: {
  env: Record<string, string | undefined>;
  exitCode: number | undefined;
  exit(code: number): never;
};

type Schemas = components["schemas"];
type Post = {
  [Path in keyof paths]: paths[Path] extends { post: { requestBody: { content: { "application/json": infer Body } } } }
    ? Body
    : never;
};
type Answers = {
  "/{profile}/v1/verifications": Schemas["VerificationAnswer"];
  "/{profile}/v1/prefills": Schemas["PrefillAnswer"];
  "/{profile}/v1/receipts/check": Schemas["ReceiptCheckAnswer"];
  "/{profile}/v1/ledger": Schemas["LedgerAnswer"];
};
type Problem = Schemas["FieldNotGrantedProblem"] | Schemas["ClaimInvalidProblem"] | Schemas["RegistryUnavailableProblem"];

class Refused extends Error {
  constructor(readonly problem: Problem) {
    super(`${problem.status} ${problem.code}: ${problem.detail_vi}`);
  }
}

const [issuer, clientId, clientSecret] = [setting("ISSUER"), setting("CLIENT_ID"), setting("CLIENT_SECRET")];
const profile = issuer.endsWith("/official") ? "official" : "sandbox";
const base = issuer.slice(0, -profile.length - 1);

function setting(name: string): string {
  const value = process.env[name];
  if (value) return value;
  console.error(`${name} is not set: set it to what make serve prints, then try again:`);
  console.error("ISSUER=http://127.0.0.1:8000/sandbox CLIENT_ID=acc_… CLIENT_SECRET=… npm run --silent walk");
  process.exit(2);
}

async function fetchToken(): Promise<string> {
  const answer = await fetch(`${issuer}/oauth2/token`, {
    method: "POST",
    headers: { Authorization: `Basic ${btoa(`${clientId}:${clientSecret}`)}` },
    body: new URLSearchParams({ grant_type: "client_credentials" }),
  });
  if (answer.status !== 200) {
    throw new Error(`${issuer}/oauth2/token: expected 200, got ${answer.status}: ${await answer.text()}`);
  }
  return ((await answer.json()) as Schemas["TokenAnswer"]).access_token;
}

async function post<Path extends keyof Answers>(token: string, path: Path, body: Post[Path]): Promise<Answers[Path]> {
  const answer = await fetch(base + path.replace("{profile}", profile), {
    method: "POST",
    headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Refused((await answer.json()) as Problem);
  return (await answer.json()) as Answers[Path];
}

async function walk(): Promise<void> {
  const token = await fetchToken();
  const claim: Schemas["ClaimBody"] = {
    citizen_id: "001090000123",
    full_name: "Nguyễn Văn An",
    birth_date: "1990-01-31",
  };
  const initiated_by: Schemas["InitiatedByBody"] = { kind: "citizen" };
  const birth = { procedure: "khai-sinh", dossier: "HN-2022-000123", subject_role: "requester" };

  const verified = await post(token, "/{profile}/v1/verifications", { ...birth, claim, initiated_by });
  console.log(`verified: ${verified.verdict}, origin ${verified.origin}`);
  if (verified.receipt === null) throw new Error("not confirmed: let the citizen correct the claim");

  const fields = ["full_name", "birth_date"];
  const form = await post(token, "/{profile}/v1/prefills", {
    ...birth,
    receipt: verified.receipt,
    fields,
    initiated_by,
  });
  for (const name of fields) {
    const field = form.fields[name];
    if (field?.state === "filled") console.log(`filled: ${name} ${String(field.value)}`);
  }
  const required = form.to_declare.filter((field) => field.required);
  console.log(`to declare: ${form.to_declare.length}, ${required.length} of them required`);

  const marriage = { procedure: "ket-hon", dossier: "HN-2022-000124", subject_role: "requester" };
  const next = await post(token, "/{profile}/v1/verifications", { ...marriage, claim, initiated_by });
  console.log(`next procedure: ${next.verdict}, origin ${next.origin}`);
  const checked = await post(token, "/{profile}/v1/receipts/check", { receipt: next.receipt ?? "" });
  console.log(`receipt: ${checked.valid ? `valid for ${checked.procedure}` : checked.reason}`);
}

walk().catch((error: unknown) => {
  // fetch throws a TypeError with a cause when the gateway gives no answer.
  const unanswered = error instanceof TypeError && "cause" in error;
  const reason = error instanceof Error ? error.message : String(error);
  console.error(`failed: ${unanswered ? `${issuer} gave no answer` : reason}`);
  process.exitCode = 1;
});
