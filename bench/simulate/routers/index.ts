// All baselines by name, from those that know nothing to those that know most.
import type { MakeRouter } from "../router.ts";
import { boundedLoad } from "./bounded-load.ts";
import { fal } from "./fal.ts";
import { leastLoaded } from "./least-loaded.ts";
import { powerOfTwo } from "./power-of-two.ts";
import { random } from "./random.ts";
import { rayServe } from "./ray-serve.ts";
import { rendezvous } from "./rendezvous.ts";
import { residentFirst } from "./resident-first.ts";
import { roundRobin } from "./round-robin.ts";
import { sglang } from "./sglang.ts";
import { warmThenHash } from "./warm-then-hash.ts";

export const BASELINES: Readonly<Record<string, MakeRouter>> = {
  random,
  "round-robin": roundRobin,
  "least-loaded": leastLoaded,
  "power-of-two": powerOfTwo,
  rendezvous,
  "bounded-1.25": boundedLoad(1.25),
  "bounded-2": boundedLoad(2),
  sglang,
  fal,
  "warm-then-hash": warmThenHash,
  "ray-serve": rayServe,
  "resident-first": residentFirst,
};
