// Whether the router is reached, its clock is near this machine's, and each token opens what it is for.
import { REFUSED_WITHOUT } from "../../src/settings/refused.ts";
import { refusalOf, send, type Reach, type Reply } from "../client.ts";
import { Failed } from "../failure.ts";
import { LIMITS } from "../limits.ts";
import { duration, shortened } from "../text.ts";
import { unchecked, well, wrong, type Finding } from "./finding.ts";

/** Null: it is not given. */
export interface Tokens {
  readonly adminToken: string | null;
  readonly heartbeatToken: string | null;
  /** The app that the heartbeat token should be for. */
  readonly app: string | null;
}

export async function routerFindings(reach: Reach, tokens: Tokens): Promise<Finding[]> {
  const health = await answered(() => send(reach, "/-/healthz"));
  if (health instanceof Failed) {
    const todo = "check --router, that the router runs, and what is between here and there";
    return [wrong("router", health.message, todo), ...["clock", "heartbeat token", "admin token"].map(notReached)];
  }
  return [
    routerFinding(reach, health),
    ...missingFindings(health),
    clockFinding(health, Date.now()),
    await heartbeatFinding(reach, tokens),
    await adminFinding(reach, tokens),
  ];
}

const notReached = (check: string) => unchecked(check, "the router is not reached");

function routerFinding(reach: Reach, reply: Reply): Finding {
  const { status, json, tookMs } = reply;
  if (status !== 200 || json?.["status"] !== "ok") {
    const refusal = refusalOf(reach, reply);
    const setting = json?.["setting"];
    const todo = typeof setting !== "string" ? "check --router, and whether a login page stands before it" : `correct ${setting}`;
    return wrong("router", refusal.message, todo);
  }
  const warnings = Array.isArray(json["warnings"]) ? json["warnings"].map(String) : [];
  if (warnings.length > 0) return wrong("router", warnings.map(shortened).join("; "), "rename these variables of the router");
  const { protocol, hostname } = new URL(reach.origin);
  const isPlain = protocol === "http:" && !/^(127(\.\d+){3}|localhost|\[::1\])$/.test(hostname);
  if (isPlain) return wrong("router", `${reach.origin} sends tokens in the clear`, "use https");
  return well("router", `${reach.origin} answers in ${duration(tookMs)}`);
}

/** Settings without which the router refuses something, by its own word. A router may do without an administrator. */
function missingFindings({ status, json }: Reply): Finding[] {
  const missing: readonly unknown[] = status === 200 && Array.isArray(json?.["missing"]) ? json["missing"] : [];
  return Object.entries(REFUSED_WITHOUT).flatMap(([name, says]) => {
    if (!missing.includes(name)) return [];
    const todo = `set ${name}; docs/settings.md says where`;
    return [name === "ADMIN_TOKEN" ? unchecked("setting", says, todo) : wrong("setting", says, todo)];
  });
}

/** `Date` has whole seconds, and was written at some time while the request ran. */
function clockFinding({ date, tookMs }: Reply, nowMs: number): Finding {
  const theirMs = Date.parse(date ?? "");
  if (Number.isNaN(theirMs)) return unchecked("clock", "the router's answer has no Date");
  const aheadMs = theirMs + 500 - (nowMs - tookMs / 2);
  const amount = duration(Math.abs(aheadMs));
  const allowed = LIMITS.clockMs + tookMs / 2;
  if (Math.abs(aheadMs) <= allowed)
    return well("clock", `at most ${duration(Math.abs(aheadMs) + 500 + tookMs / 2)} from the router's`);
  const says = `this machine is ${amount} ${aheadMs > 0 ? "behind" : "ahead of"} the router`;
  return wrong("clock", says, "set the clock by NTP; replicas refuse signatures of a clock that is 300 s off");
}

/** A heartbeat that no router accepts: it names no replica. A good token makes that 400 or 422, and without an app no app is asked about. */
async function heartbeatFinding(reach: Reach, { heartbeatToken, app }: Tokens): Promise<Finding> {
  const check = "heartbeat token";
  if (heartbeatToken === null) return notGiven(check, "--heartbeat-token or WARMPATH_HEARTBEAT_TOKEN");
  const body = app === null ? "" : JSON.stringify({ app });
  const reply = await answered(() => send(reach, "/-/heartbeat", { method: "POST", token: heartbeatToken, body }));
  if (reply instanceof Failed) return unchecked(check, reply.message, "try again");
  switch (reply.status) {
    case 400:
      return well(check, "is admitted; --app tells for which app");
    case 422:
      if (reply.json?.["field"] !== "app") return well(check, `is admitted for ${app}`);
      return unchecked(check, refusalOf(reach, reply).message, "correct --app");
    case 401:
      return wrong(check, "is refused (401)", "compare it with the router's HEARTBEAT_TOKENS");
    case 403:
      return wrong(check, `is not for the app ${app} (403)`, "use a token that HEARTBEAT_TOKENS has for this app or for *");
    default:
      return unchecked(check, refusalOf(reach, reply).message, "try again later");
  }
}

async function adminFinding(reach: Reach, { adminToken }: Tokens): Promise<Finding> {
  const check = "admin token";
  if (adminToken === null) return notGiven(check, "--admin-token or WARMPATH_ADMIN_TOKEN");
  const reply = await answered(() => send(reach, "/-/apps", { token: adminToken }));
  if (reply instanceof Failed) return unchecked(check, reply.message, "try again");
  if (reply.status === 200 && Array.isArray(reply.json?.["apps"])) return well(check, "is admitted");
  if (reply.status === 401) return wrong(check, "is refused (401)", "compare it with the router's ADMIN_TOKEN");
  return unchecked(check, refusalOf(reach, reply).message, "try again later");
}

const notGiven = (check: string, options: string) => unchecked(check, "is not given", `give ${options} to have it checked`);

async function answered(call: () => Promise<Reply>): Promise<Reply | Failed> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof Failed) return error;
    throw error;
  }
}
