// Fills a fleet in the memory of a Worker's isolate, part by part: GET /fill?share=1&hint-length=32 adds the next part, and says which it was. 204: there is none.
import { fullFleet, type Part } from "../full-fleet.ts";

// The configuration has bindings for both.
export { Directory, Fleet } from "../../../src/index.ts";

let parts: readonly Part[] | null = null;
let filled = 0;

export default {
  fetch(request): Response {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname !== "/fill") return new Response(null, { status: 404 });
    const [share, hintLength] = [Number(searchParams.get("share")), Number(searchParams.get("hint-length"))];
    parts ??= fullFleet(share, hintLength, Date.now());
    const part = parts[filled];
    if (part === undefined) return new Response(null, { status: 204 });
    return Response.json({ part: part.name, count: part.fill(), filled: ++filled / parts.length });
  },
} satisfies ExportedHandler<Cloudflare.Env>;
