// All baselines by name, from those that know nothing to those that know most.
import type { MakeRouter } from "../router.ts";
import { boundedLoad, leastLoaded, residentFirst, sglang } from "./early.ts";
import { Fal } from "./fal.ts";
import { RayServe } from "./ray-serve.ts";

export const BASELINES: Readonly<Record<string, MakeRouter>> = {
  "least-loaded": leastLoaded,
  "bounded-1.25": boundedLoad(1.25),
  sglang,
  fal: (actions, options) => new Fal(actions, options),
  "ray-serve": (actions, options) => new RayServe(actions, options),
  "resident-first": residentFirst,
};
