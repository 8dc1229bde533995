// Request targets that look like something else. Where each belongs is told by Node's URL parser, which is not the router's.
import type { Draw } from "./draw.ts";
import { HTTP_LAYER, MARK, requestBytes, type Input } from "./input.ts";

/** What the control plane may say to somebody without a token. */
const CONTROL = ["200 router", "401 unauthorized", "404 not_found", "405 method_not_allowed"];
const SERVED_BY = new Map([
  ["target", "200 from t1"],
  ["bystander", "200 from b1"],
]);
const NO_APP = ["404 app_not_found"];

const PIECES = [
  "/", "//", "/.", "/..", "/../", "/./", "..", ".", "%2e", "%2e%2e", "/%2e%2e/", "%2E.", ".%2e", "%2f", "%2F", "%5c", "\\", "/\\", "\\..\\",
  "/-", "/-/", "-", "%2d", "/%2d/", "/-/heartbeat", "/-/apps", "/-/apps/target", "/-/healthz", "-/apps/beats", "/-/apps/beats/replicas/h1/drain",
  "/-/apps/beats%2Freplicas", "/_/", "/~/", "/–/", "/−/", "target", "/target", "/target/", "/bystander", "/bystander/x", "/Target", "/target%00",
  "/target%20", "/target.", "/target;", "/target:", "/target@", "%", "%zz", "%u2215", "%c0%af", "%ff", "%0d%0a", "%0d%0aX: y", "%09", "?", "#", "?/../",
  "#/../", ";", ":", "@", "*", "&", "=", "'", '"', "<", ">", "|", "^", "`", "{", "}", "[", "]", "!", "$", "(", ")", "+", ",", "~", "__proto__",
  "/constructor", "/hasOwnProperty", "/owner/app", "x",
]; // prettier-ignore
/** What the HTTP layer may take for no URI. */
const NO_URI = /[<>"^`{}|\\]/;
const RAW = [
  "\0",
  "\t",
  "\x01",
  "\x1f",
  "\x7f",
  "\x80",
  "\xff",
  "\xc3\xa9",
  "\xe2\x88\x95",
  "\r",
  "\n",
  " ",
  " HTTP/1.1\r\nx: y\r\n\r\n",
];
const SCHEMES = [
  "http://",
  "HTTP://",
  "https://",
  "ftp://",
  "javascript:",
  "file:///",
  "http:",
  "http:/",
  "http:\\\\",
  "//",
  "data:,",
  "ws://",
  "://",
  ":",
];
const HOSTS = ["x", "127.0.0.1", "[::1]", "u:p@x", "x:1", "x:99999", "x:", "", "x.", "-", "x%2fy", "x\\y", "*", "x y", "[::"];

export function targetInput(draw: Draw, number: number): Input {
  const pieces = Array.from({ length: draw.int(1, 7) }, () => draw.pick(PIECES)).join("");
  switch (draw.int(1, 10)) {
    case 1:
      return sent(
        "absolute form",
        draw.pick(["http://", "HTTP://"]) + draw.pick(["x", "127.0.0.1", "x:1"]) + rooted(pieces),
        draw,
        number,
      );
    case 2:
      return unknown("odd absolute form", draw.pick(SCHEMES) + draw.pick(HOSTS) + pieces, draw, number);
    case 3:
      return unknown(
        "no path",
        draw.pick(["*", "x:80", "x", "", "target", "target/run", "?", "?/target", "#", "..", "-/apps", "%2ftarget"]),
        draw,
        number,
      );
    case 4:
    case 5:
      return unknown("raw byte", `/target${pieces}${draw.pick(RAW)}${pieces}`, draw, number);
    case 6:
      return unknown(
        "long",
        `/target/${draw.pick(["x", "/", "../", "%2e%2e/", "a?"]).repeat(draw.int(200, 40_000))}`,
        draw,
        number,
      );
    case 7:
      return sent("long name", `/${"a".repeat(draw.int(100, 300))}${pieces}`, draw, number);
    default:
      return sent("path", rooted(draw.chance(0.5) ? `/target${pieces}` : pieces), draw, number);
  }
}

function rooted(path: string): string {
  return path.startsWith("/") ? path : `/${path}`;
}

/** A target of printable ASCII with a path: where it belongs is known. */
function sent(fault: string, target: string, draw: Draw, number: number): Input {
  if (/[ \u2010-\u2fff]/.test(target)) return unknown(fault, target, draw, number);
  const { allowed: meant, arrives } = meaning(target);
  const allowed = NO_URI.test(target) ? [...meant, "400 http"] : meant;
  return made(fault, target, allowed, arrives === null ? null : { number, target: arrives }, false, draw, number);
}

/** A target of which it is open what the HTTP layer makes of it: nothing may reach anybody but where it plainly says so. */
function unknown(fault: string, target: string, draw: Draw, number: number): Input {
  const allowed = [...HTTP_LAYER, ...CONTROL, ...NO_APP, "400 bad_request", "200 from t1", "200 from b1"];
  return made(fault, target, allowed, null, true, draw, number);
}

function made(
  fault: string,
  target: string,
  allowed: readonly string[],
  marked: Input["marked"],
  alone: boolean,
  draw: Draw,
  number: number,
): Input {
  const method = draw.pick(["GET", "GET", "POST", "DELETE", "HEAD", "OPTIONS"]);
  const lines = marked === null ? [] : [`${MARK}: ${number}`];
  const bytes = requestBytes({
    method,
    target: Buffer.from(target, /[^\0-\xff]/.test(target) ? "utf8" : "latin1").toString("latin1"),
    lines,
  });
  return { kind: "target", fault, bytes, allowed, head: method === "HEAD", alone, marked };
}

function meaning(target: string): { readonly allowed: readonly string[]; readonly arrives: string | null } {
  const { href, origin } = new URL(/^http:/i.test(target) ? target : `http://host${target}`);
  const hash = href.indexOf("#");
  const rest = (hash < 0 ? href : href.slice(0, hash)).slice(origin.length);
  const question = rest.indexOf("?");
  const [path, query] = question < 0 ? [rest, ""] : [rest.slice(0, question), rest.slice(question)];
  if (path === "/-" || path.startsWith("/-/")) return { allowed: CONTROL, arrives: null };
  const app = path.split("/")[1] ?? "";
  const served = SERVED_BY.get(app);
  if (served === undefined) return { allowed: NO_APP, arrives: null };
  return { allowed: [served], arrives: (path.slice(app.length + 1) || "/") + query };
}
