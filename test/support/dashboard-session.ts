// A sign-in to the dashboard without a browser.
import { ADMIN, type Reply, type TestRouter } from "./router.ts";

export async function signIn(router: TestRouter): Promise<{ readonly cookie: string }> {
  const body = new URLSearchParams({ token: ADMIN }).toString();
  const headers = { "content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "same-origin" };
  return { cookie: cookieFrom(await router.send("/-/sign-in", { method: "POST", headers, body })) };
}

/** What the answer's cookie is as a request sends it. */
export function cookieFrom({ headers }: Reply): string {
  return headers["set-cookie"]?.[0]?.split(";", 1)[0] ?? "";
}

/** A page and the keys that it holds. */
export async function openPage(router: TestRouter, cookie: string, path: string) {
  const { text, status } = await router.send(path, { headers: { cookie } });
  const attribute = (name: string) => new RegExp(`data-${name}="([^"]+)"`).exec(text)?.[1] ?? "";
  return { status, text, formKey: attribute("form-key"), liveKey: attribute("live-key") };
}
