// All baselines by name, from those that know nothing to those that know most.
import type { MakeRouter } from "../router.ts";
import { boundedLoad } from "./bounded-load.ts";
import { fal } from "./fal.ts";
import { leastLoaded } from "./least-loaded.ts";
import { rayServe } from "./ray-serve.ts";
import { residentFirst } from "./resident-first.ts";
import { sglang } from "./sglang.ts";

export const BASELINES: Readonly<Record<string, MakeRouter>> = {
  "least-loaded": leastLoaded,
  "bounded-1.25": boundedLoad(1.25),
  sglang,
  fal,
  "ray-serve": rayServe,
  "resident-first": residentFirst,
};
