// One client that asks for hints at unchanging odds, each request after the one before, against replicas that hold few hints and say which.
// Time is the test's; everything drawn comes from a seed.
import { seeded, type Random } from "../../../bench/simulate/random.ts";
import { driver } from "./driver.ts";
import { foundFull, type Said } from "./fleets.ts";

/** How the router learns what a replica holds: with each answer, or between requests. */
export type Tells = "in band" | "heartbeat";

export interface Steady {
  /** What each replica holds at first, and how many hints it can. */
  readonly replicas: readonly { readonly slots: number; readonly holds: readonly string[] }[];
  /** How many times as often as the least popular each hint is asked for. */
  readonly popularity: Readonly<Record<string, number>>;
  /** A load takes so many services. */
  readonly loadServices: number;
  readonly tells: Tells;
  /** Requests without a hint that come first. */
  readonly hintless: number;
  /** The share of replicas that requests found full before. */
  readonly foundFull: number;
  readonly seed: number;
}

export interface Cold {
  readonly index: number;
  readonly hint: string;
}

const SERVICE_MS = 1000;

/** The requests that had to load, of so many, numbered from 0. */
export function coldRequests(steady: Steady, requests: number): Cold[] {
  const names = steady.replicas.map((_, index) => `r${index}`);
  const held = new Map(steady.replicas.map(({ holds }, index) => [`r${index}`, [...holds]]));
  const slots = new Map(steady.replicas.map((replica, index) => [`r${index}`, replica.slots]));
  const said = (name: string): Said => ({ hints: held.get(name) ?? [], hintSlots: slots.get(name) ?? 1 });
  const fleet = driver(Object.fromEntries(names.map((name) => [name, said(name)])));
  foundFull(fleet.its, steady.foundFull);
  const random = seeded(steady.seed);
  const cold: Cold[] = [];
  let now = 0;
  for (let index = -steady.hintless; index < requests; index++) {
    const hint = drawn(steady.popularity, random);
    const id = index + steady.hintless + 1;
    if (steady.tells === "heartbeat") for (const name of names) fleet.hears(name, said(name), now);
    fleet.arrives(id, index < 0 ? [] : [hint], now);
    const grant = fleet.its.fleet.grants.get(id);
    if (grant === undefined) throw new Error("a request waits although nothing else runs");
    const name = grant.replica.id;
    const its = held.get(name) ?? [];
    const isCold = !its.includes(hint);
    if (isCold && index >= 0) cold.push({ index, hint });
    held.set(name, using(its, hint, slots.get(name) ?? 1));
    now += SERVICE_MS * (1 + (isCold ? steady.loadServices : 0));
    fleet.answers(id, now, steady.tells === "in band" ? (held.get(name) ?? []) : null);
    fleet.ends(id, now);
  }
  return cold;
}

/** What a replica holds once it has used the hint, the least recently used first. */
function using(held: readonly string[], hint: string, slots: number): string[] {
  const others = held.filter((other) => other !== hint);
  return [...(others.length < slots ? others : others.slice(1)), hint];
}

function drawn(popularity: Readonly<Record<string, number>>, random: Random): string {
  const hints = Object.entries(popularity);
  let left = random() * hints.reduce((sum, [, times]) => sum + times, 0);
  return hints.find(([, times]) => (left -= times) < 0)?.[0] ?? "";
}
