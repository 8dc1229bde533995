// The router with a stand-in for an Analytics Engine dataset, which prints each point as a line of the log: plain workerd has no such binding.
import production from "../../../src/index.ts";

export { Directory, Fleet } from "../../../src/index.ts";

const ANALYTICS: AnalyticsEngineDataset = {
  writeDataPoint(point) {
    if (point?.indexes?.[0] === "unwritable") throw new Error("the dataset fails");
    console.log(JSON.stringify({ message: "point", ...point }));
  },
};

/** Settings are parsed once for each environment object. */
const bound = new WeakMap<Cloudflare.Env, Cloudflare.Env>();

export default {
  fetch(request, env, ctx) {
    const its = bound.get(env) ?? { ...env, ANALYTICS };
    bound.set(env, its);
    return production.fetch(request, its, ctx);
  },
} satisfies ExportedHandler<Cloudflare.Env>;
