// The router under chaos: the real sources with switches that make its objects crash, fail, stall or look overloaded. Nothing of it is in the
// bundle that is deployed, which has another entry.
//
//   POST /__chaos/{app}/crash                    the app's object ends without warning, as with an eviction or a deploy
//   POST /__chaos/{app}/throwing?ms=500          for so long, each call to it fails
//   POST /__chaos/{app}/overloaded?ms=500        for so long, each call to it fails as the runtime's own refusal under overload does
//   POST /__chaos/{app}/stalled?ms=500           for so long, it handles none of the calls that wait for it
//   POST /__chaos/-/throwing?ms=500              the Directory fails; crash and stalled as above
import production from "../../../src/index.ts";
import { DIRECTORY_NAME } from "../../../src/settings/directory-name.ts";
import { isTurn, type Directory, type Fleet } from "./objects.ts";

export { Directory, Fleet } from "./objects.ts";

const PREFIX = "/__chaos/";

export default {
  async fetch(request, env, ctx): Promise<Response> {
    const url = new URL(request.url);
    if (!url.pathname.startsWith(PREFIX)) return production.fetch(request, env, ctx);
    const [app = "", what = ""] = url.pathname.slice(PREFIX.length).split("/");
    if (!isTurn(what)) return new Response(null, { status: 404 });
    const object = app === "-" ? env.DIRECTORY.getByName(DIRECTORY_NAME) : env.FLEET.getByName(app);
    // The bindings' types know the production's classes.
    const stub = object as unknown as DurableObjectStub<Fleet> | DurableObjectStub<Directory>;
    const turned = stub.chaos(what, Number(url.searchParams.get("ms")));
    // An object that has ended can't answer the call.
    await (what === "crash" ? turned.catch(() => {}) : turned);
    return new Response(null, { status: 204 });
  },
} satisfies ExportedHandler<Cloudflare.Env>;
