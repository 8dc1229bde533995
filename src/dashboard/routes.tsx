// The dashboard at /-/: who may see it, its pages, and what they may have done.
import { isToken } from "../control/auth.ts";
import { knownApp, type Call, type Handler } from "../control/call.ts";
import { readText } from "../control/bounded-body.ts";
import { fleetOf } from "../edge/fleet-stub.ts";
import { BOUNDS } from "../limits.ts";
import { DIRECTORY_NAME } from "../settings/directory-name.ts";
import { problemResponse } from "../problem.ts";
import type { DashboardView } from "../views/dashboard.ts";
import { appSections, queryOf } from "./app/sections.tsx";
import { appsSections } from "./apps.tsx";
import { ASSETS } from "./assets.generated.ts";
import { cookieOf, isNavigation, isOwnPage, isServedAt, pageHeaders, sessionOf } from "./guard.ts";
import { htmlOf, type Element } from "./html.ts";
import { liveResponse } from "./live.ts";
import { GonePage, Page, SignInPage, type Section } from "./page.tsx";
import { isKeyOf, keyOf, sign, verify, type Session } from "./session.ts";

type SignedInHandler = (call: Call, session: Session) => Promise<Response> | Response;

/** Methods by path, as in src/control/control.ts. */
export const DASHBOARD_ROUTES: Readonly<Record<string, Readonly<Record<string, Handler>>>> = {
  "/-": { GET: served((call) => call.redirect("/-/", 308)) },
  "/-/": { GET: page(showApps) },
  "/-/sign-in": { GET: served(showSignIn), POST: served(signIn) },
  "/-/sign-out": { POST: action(signOut) },
  "/-/assets/:name": { GET: served(showAsset) },
  "/-/live": { GET: live(BOUNDS.liveAppsMs, (call) => appsSections(call)) },
  "/-/dashboard/:app": { GET: page(showApp) },
  "/-/dashboard/:app/live": { GET: live(BOUNDS.liveMs, liveApp) },
  "/-/dashboard/:app/replicas": { POST: action(changeReplica) },
};

/** Everywhere but at DASHBOARD_HOST, if that is set, the dashboard is not there. */
function served(handler: Handler): Handler {
  return (call) => (isServedAt(call.req.raw, call.env.settings) ? handler(call) : call.notFound());
}

/** A page for whoever is signed in; others are asked to. */
function page(handler: SignedInHandler): Handler {
  return served(async (call) => {
    if (!isNavigation(call.req.raw))
      return refusal(call, "This page is opened by itself, not by another page's script or frame.");
    const session = await sessionOf(call.req.raw, call.env.settings, Date.now());
    return session === null ? html(call, <SignInPage fault={noToken(call)} />, 401) : handler(call, session);
  });
}

/** What a signed-in page is kept up to date by. */
function live(everyMs: number, sectionsOf: (call: Call) => Promise<readonly Section[] | null>): Handler {
  return served(async (call) => {
    const session = await sessionOf(call.req.raw, call.env.settings, Date.now());
    if (session === null || !(await hasKey(call, "live", session, call.req.query("key")))) return refusal(call, "Sign in again.");
    return liveResponse(call, session, { everyMs, sections: () => sectionsOf(call) });
  });
}

/** What a signed-in page has done: a form of the dashboard's own, with the key that this session's pages hold. */
function action(handler: (call: Call, form: URLSearchParams) => Promise<Response>): Handler {
  return served(async (call) => {
    const form = await formOf(call);
    const session = await sessionOf(call.req.raw, call.env.settings, Date.now());
    const isOwn = isOwnPage(call.req.raw) && session !== null && form !== null;
    if (!isOwn || !(await hasKey(call, "form", session, form.get("key") ?? "")))
      return refusal(call, "Reload the page and sign in again.");
    return handler(call, form);
  });
}

async function showApps(call: Call, session: Session): Promise<Response> {
  return showPage(call, session, "Apps", null, await appsSections(call));
}

async function showApp(call: Call, session: Session): Promise<Response> {
  const app = await knownApp(call);
  if (app === null) return html(call, <GonePage app={call.req.param("app") ?? ""} />, 404);
  return showPage(call, session, app, app, await liveSections(call, app));
}

async function liveApp(call: Call): Promise<readonly Section[] | null> {
  const app = await knownApp(call);
  return app === null ? null : liveSections(call, app);
}

async function liveSections(call: Call, app: string): Promise<readonly Section[]> {
  const query = queryOf(new URL(call.req.url).searchParams);
  const { order, find, page, explain } = query;
  // The types of RPC make lists of tuples.
  const view = (await fleetOf(call.env.env, call.env.settings, app).dashboard({
    order,
    find,
    page,
    explain,
  })) as unknown as DashboardView;
  return appSections(app, view, query);
}

async function showPage(
  call: Call,
  session: Session,
  title: string,
  app: string | null,
  sections: readonly Section[],
): Promise<Response> {
  const token = call.env.settings.ADMIN_TOKEN ?? "";
  const [formKey, liveKey] = [await keyOf(token, "form", session), await keyOf(token, "live", session)];
  return html(call, <Page title={title} app={app} formKey={formKey} liveKey={liveKey} sections={sections} />, 200);
}

/** With a link: signs in by it, once. */
async function showSignIn(call: Call): Promise<Response> {
  const { settings, env } = call.env;
  const link = call.req.query("link");
  if (link === undefined) return html(call, <SignInPage fault={noToken(call)} />, 200);
  // A HEAD comes from a preview of the link, which must not use the link up.
  if (!isNavigation(call.req.raw) || call.req.method === "HEAD") return refusal(call, "A link is opened by itself.");
  const its = settings.ADMIN_TOKEN === null ? null : await verify(settings.ADMIN_TOKEN, "link", link, Date.now());
  const directory = env.DIRECTORY.getByName(DIRECTORY_NAME);
  const isGood = its !== null && (await directory.takeLink(its.nonce, its.expiresAtMs));
  if (!isGood)
    return html(call, <SignInPage fault="This link was used before, or its time is over. Sign in with the token." />, 401);
  return startSession(call);
}

async function signIn(call: Call): Promise<Response> {
  const form = await formOf(call);
  const token = call.env.settings.ADMIN_TOKEN;
  if (!isOwnPage(call.req.raw) || form === null) return refusal(call, "Sign in from the dashboard's own page.");
  const isGood = token !== null && isToken(form.get("token") ?? "", token);
  if (!isGood) return html(call, <SignInPage fault={noToken(call) ?? "That is not the ADMIN_TOKEN."} />, 401);
  return startSession(call);
}

/** By a page of its own and no redirect, because browsers send a Strict cookie only from this site on: a link may come from elsewhere. */
async function startSession(call: Call): Promise<Response> {
  const its = { expiresAtMs: Date.now() + BOUNDS.sessionMs, nonce: crypto.randomUUID() };
  const text = await sign(call.env.settings.ADMIN_TOKEN ?? "", "session", its);
  const response = await html(call, <SignInPage fault={null} done />, 200);
  response.headers.set("set-cookie", cookieOf(call.req.raw, call.env.settings, text));
  response.headers.set("refresh", "0; url=/-/");
  return response;
}

async function signOut(call: Call): Promise<Response> {
  const response = await html(call, <SignInPage fault={null} />, 200);
  response.headers.set("set-cookie", cookieOf(call.req.raw, call.env.settings, ""));
  return response;
}

/** These have their content's hash in their names, so that browsers may keep them. */
function showAsset(call: Call): Response | Promise<Response> {
  const name = call.req.param("name");
  const asset = Object.values(ASSETS).find((each) => each.name === name);
  if (asset === undefined) return call.notFound();
  const type = asset.name.endsWith(".js") ? "text/javascript" : "text/css";
  return new Response(asset.text, {
    headers: {
      "content-type": `${type}; charset=utf-8`,
      "cache-control": "public, max-age=31536000, immutable",
      "x-content-type-options": "nosniff",
      "cross-origin-resource-policy": "same-origin",
      "x-fal-request-id": call.env.requestId,
    },
  });
}

async function changeReplica(call: Call, form: URLSearchParams): Promise<Response> {
  const app = await knownApp(call);
  if (app === null) return refusal(call, "The app has no replicas.", "not_found");
  const [change, replica] = [form.get("change") ?? "", form.get("replica") ?? ""];
  const fleet = fleetOf(call.env.env, call.env.settings, app);
  const isDone = await changed();
  if (isDone === null) return refusal(call, "change must be drain, undrain or remove.", "bad_request");
  return isDone ? call.json({ app, replica, change }) : refusal(call, `The app has no replica ${replica}.`, "not_found");

  async function changed(): Promise<boolean | null> {
    switch (change) {
      case "drain":
      case "undrain":
        return fleet.drain(replica, change === "drain");
      case "remove":
        return fleet.remove(replica);
      default:
        return null;
    }
  }
}

/** Null: the body is too long. */
async function formOf(call: Call): Promise<URLSearchParams | null> {
  const text = await readText(call.req.raw, BOUNDS.formBytes);
  return text === null ? null : new URLSearchParams(text);
}

async function hasKey(call: Call, use: "form" | "live", session: Session, key: string | undefined): Promise<boolean> {
  return isKeyOf(call.env.settings.ADMIN_TOKEN ?? "", use, session, key ?? "");
}

function noToken(call: Call): string | null {
  return call.env.settings.ADMIN_TOKEN === null ? "Nobody may sign in until the secret ADMIN_TOKEN is set." : null;
}

function refusal(call: Call, detail: string, type: "bad_request" | "forbidden" | "not_found" = "forbidden"): Response {
  return problemResponse({ type, detail }, call.req.raw, call.env.requestId);
}

async function html(call: Call, page: Element, status: number): Promise<Response> {
  const headers = pageHeaders(call.req.raw, call.env.requestId);
  return new Response(`<!doctype html>${await htmlOf(page)}`, { status, headers });
}
