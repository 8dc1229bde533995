// Every route of the control plane is in the document, or is marked as one that it leaves out.
import { expect, test } from "vitest";
import { control, ROUTES } from "../../src/control/control.ts";
import { openApiText } from "../../src/control/openapi/document.ts";

/** OpenAPI can say how a WebSocket opens, and not what follows: the description of the POST does. */
const LEFT_OUT = new Set(["GET /-/heartbeat"]);

/** As the document writes them: `GET /-/apps/{app}`. */
function documented(): Set<string> {
  const { paths } = JSON.parse(openApiText(ROUTES)) as { paths: Record<string, Record<string, unknown>> };
  return new Set(
    Object.entries(paths).flatMap(([path, item]) => Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`)),
  );
}

/** Pages for people. */
function pages(): Set<string> {
  const all = Object.entries(ROUTES).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, its]) => ({ path, method, its })),
  );
  return new Set(all.filter(({ its }) => its.operation === null).map(({ path, method }) => `${method} ${path}`));
}

test("each route that answers is documented, however it was added", () => {
  // `all` on a path is 405 for what nothing else there answers.
  const routes = control.routes.filter(({ method }) => method !== "ALL").map(({ method, path }) => `${method} ${path}`);
  expect(routes.length).toBeGreaterThan(8);
  const known = documented();
  const missing = routes
    .filter((route) => !LEFT_OUT.has(route) && !pages().has(route))
    .filter((route) => !known.has(route.replaceAll(/:(\w+)/g, "{$1}")));
  expect(missing).toEqual([]);
});

test("what is left out is a route, and not in the document", () => {
  const routes = new Set(control.routes.map(({ method, path }) => `${method} ${path}`));
  for (const route of LEFT_OUT) {
    expect(routes).toContain(route);
    expect(documented()).not.toContain(route);
  }
});
