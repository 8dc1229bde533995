// Rendezvous hashing: values that may never change, how evenly hints spread, and how few of them move when the fleet changes.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hashName, ownerOf, ranked, score, type Weighted } from "../../src/routing/rendezvous.ts";
import { seeded } from "./support/seeded.ts";

interface Node extends Weighted {
  readonly id: string;
}

const node = (id: string, weight = 1): Node => ({ id, weight, hash: hashName(id) });
const owner = (hint: string, nodes: readonly Node[]) => ownerOf(hashName(hint), nodes)?.id ?? null;
/** The order as the numbers of `gpu-1`, `gpu-2`, … */
const order = (hint: string, nodes: readonly Node[]) =>
  ranked(hashName(hint), nodes)
    .map((ranked) => ranked.id.slice("gpu-".length))
    .join(" ");

describe("pinned values: a change here is a cold load for every hint", () => {
  test.each<[string, number, number]>([
    ["", -1421968373, -340344280],
    ["a", 444641715, -392501977],
    ["b", -2101059022, -1148049689],
    ["ab", -1731435507, 1777365388],
    ["ba", 605838741, -1714777123],
    ["~", -1601835380, -389830638],
    ["sdxl", 531945649, 210066540],
    ["flux", -163861801, 912419425],
    ["gpu-1", 57914973, 190447172],
    ["gpu-2", -2053783863, -843808926],
    ["owner/model:v1.0", -1738195440, 213823865],
    ["x".repeat(512), 1947043773, -24322509],
  ])("hashName(%j)", (name, high, low) => {
    expect(hashName(name)).toEqual({ high, low });
  });

  const EQUAL = ["gpu-1", "gpu-2", "gpu-3", "gpu-4", "gpu-5", "gpu-6"].map((id) => node(id));
  const WEIGHTS = [1, 1, 1, 2, 4, 8];
  const WEIGHTED = EQUAL.map((replica, place) => node(replica.id, WEIGHTS[place]));

  test.each<[string, string, string]>([
    ["sdxl", "5 1 4 3 2 6", "5 6 1 4 3 2"],
    ["flux", "1 3 5 6 2 4", "6 1 5 3 4 2"],
    ["llama-3-8b", "5 2 6 1 4 3", "5 6 2 4 1 3"],
    ["whisper", "2 5 6 1 4 3", "2 5 6 4 1 3"],
    ["owner/model:v1.0", "1 2 5 6 4 3", "1 6 5 2 4 3"],
    ["a", "6 3 4 2 5 1", "6 5 4 3 2 1"],
    ["b", "4 6 5 3 2 1", "6 4 5 3 2 1"],
    ["stable-diffusion", "3 1 6 5 4 2", "3 6 1 5 4 2"],
  ])("order of %s over gpu-1 to gpu-6, weights equal and 1 1 1 2 4 8", (hint, equal, weighted) => {
    expect(order(hint, EQUAL)).toBe(equal);
    expect(order(hint, WEIGHTED)).toBe(weighted);
  });

  // The logarithm is the platform's own; its last bit may differ, which can't change an order that is not already a tie.
  test("scores", () => {
    const sdxl = hashName("sdxl");
    expect(score(sdxl, node("gpu-1"))).toBeCloseTo(2.217429215640292, 12);
    expect(score(sdxl, node("gpu-5"))).toBeCloseTo(7.669728152452063, 12);
    expect(score(sdxl, node("gpu-5", 4))).toBeCloseTo(4 * 7.669728152452063, 12);
  });
});

describe("10,000 hints", () => {
  const SCHEMES: readonly (readonly [string, (index: number) => string])[] = [
    ["numbered", (index) => `hint-${index}`],
    ["one long common prefix", (index) => `${"organisation/model-family/".repeat(4)}${index}`],
    ["one common suffix", (index) => `${index}/lora-v1.safetensors`],
  ];
  const HINTS = 10_000;

  function chiSquare(nodes: readonly Node[], name: (index: number) => string): number {
    const total = nodes.reduce((sum, replica) => sum + replica.weight, 0);
    const counts = new Map<string, number>();
    for (let index = 0; index < HINTS; index++) {
      const id = owner(name(index), nodes) ?? "";
      counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    return nodes.reduce((sum, { id, weight }) => {
      const due = (HINTS * weight) / total;
      return sum + ((counts.get(id) ?? 0) - due) ** 2 / due;
    }, 0);
  }

  // With 8 replicas there are 7 degrees of freedom: chance alone stays below 24.3 in 999 of 1000 cases.
  test.each(SCHEMES)("spread evenly over 8 equal replicas: %s", (_, name) => {
    expect(
      chiSquare(
        Array.from({ length: 8 }, (_, index) => node(`gpu-${index}`)),
        name,
      ),
    ).toBeLessThan(24.3);
  });

  test.each(SCHEMES)("spread in proportion to the weights 1 1 1 2 4 8 16 32: %s", (_, name) => {
    const nodes = [1, 1, 1, 2, 4, 8, 16, 32].map((weight, index) => node(`gpu-${index}`, weight));
    expect(chiSquare(nodes, name)).toBeLessThan(24.3);
  });

  test("spread evenly where names of replicas differ in one bit only", () => {
    const nodes = ["a", "c", "e", "g", "i", "k", "m", "o"].map((letter) => node(letter));
    expect(chiSquare(nodes, (index) => `hint-${index}`)).toBeLessThan(24.3);
  });

  test("of a replica that leaves go to all others alike: its whole order is random, not only its place", () => {
    const nodes = Array.from({ length: 8 }, (_, index) => node(`gpu-${index}`));
    const heirs = new Map<string, number>();
    for (let index = 0; index < HINTS; index++) {
      const [first, second] = ranked(hashName(`hint-${index}`), nodes);
      if (first?.id === "gpu-0" && second !== undefined) heirs.set(second.id, (heirs.get(second.id) ?? 0) + 1);
    }
    const left = [...heirs.values()].reduce((sum, count) => sum + count, 0);
    const due = left / 7;
    // 7 heirs, 6 degrees of freedom: below 22.5 in 999 of 1000 cases.
    expect([...heirs.values()].reduce((sum, count) => sum + (count - due) ** 2 / due, 0)).toBeLessThan(22.5);
  });
});

const id = fc.string({
  minLength: 1,
  maxLength: 12,
  unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)),
});
const weight = fc.integer({ min: 1, max: 10_000 });
const nodes = fc
  .uniqueArray(fc.tuple(id, weight), { minLength: 1, maxLength: 12, selector: ([name]) => name })
  .map((pairs) => pairs.map(([name, weight]) => node(name, weight)));
const hints = fc.array(fc.string({ minLength: 1, maxLength: 16 }), { minLength: 1, maxLength: 40 });

describe("whatever the replicas and hints", () => {
  test("a replica that joins or leaves moves only the hints that it owns while it is there", () => {
    fc.assert(
      fc.property(nodes, hints, fc.nat(), (all, hints, pick) => {
        const moving = all[pick % all.length];
        const rest = all.filter((replica) => replica !== moving);
        for (const hint of hints) {
          const withIt = owner(hint, all);
          if (withIt === moving?.id) continue;
          expect(owner(hint, rest)).toBe(withIt);
        }
      }),
      seeded(300),
    );
  });

  test("without one replica the others keep their order", () => {
    fc.assert(
      fc.property(nodes, hints, fc.nat(), (all, hints, pick) => {
        const rest = all.filter((_, index) => index !== pick % all.length);
        const names = (hint: string, nodes: readonly Node[]) => ranked(hashName(hint), nodes).map((replica) => replica.id);
        for (const hint of hints) {
          const kept = names(hint, all).filter((name) => rest.some((replica) => replica.id === name));
          expect(names(hint, rest)).toEqual(kept);
        }
      }),
      seeded(100),
    );
  });

  test("the order in which replicas are given does not matter", () => {
    fc.assert(
      fc.property(
        nodes.chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length }))),
        hints,
        ([all, shuffled], hints) => {
          for (const hint of hints) expect(owner(hint, shuffled)).toBe(owner(hint, all));
        },
      ),
      seeded(300),
    );
  });

  test("a weight that grows moves hints only to its replica", () => {
    fc.assert(
      fc.property(nodes, hints, fc.nat(), weight, (all, hints, pick, more) => {
        const growing = all[pick % all.length];
        const grown = all.map((replica) => (replica === growing ? { ...replica, weight: replica.weight + more } : replica));
        for (const hint of hints) {
          const after = owner(hint, grown);
          if (after !== growing?.id) expect(after).toBe(owner(hint, all));
        }
      }),
      seeded(300),
    );
  });

  test("the owner is the first of the ranking, and every score is positive and finite", () => {
    fc.assert(
      fc.property(nodes, hints, (all, hints) => {
        for (const hint of hints) {
          const hash = hashName(hint);
          expect(ownerOf(hash, all)).toBe(ranked(hash, all)[0]);
          for (const replica of all) {
            const its = score(hash, replica);
            expect(its > 0 && Number.isFinite(its)).toBe(true);
          }
        }
      }),
      seeded(300),
    );
  });
});

describe("edges", () => {
  test("of no replicas nobody is the owner", () => {
    expect(ownerOf(hashName("sdxl"), [])).toBeNull();
    expect(ranked(hashName("sdxl"), [])).toEqual([]);
  });

  test("equal scores go to the first given", () => {
    const twins = [node("gpu-1"), node("gpu-1")];
    expect(ownerOf(hashName("sdxl"), twins)).toBe(twins[0]);
    expect(ranked(hashName("sdxl"), twins)[0]).toBe(twins[0]);
  });

  // Hash lanes for which u is 0.5 / 2^52, the least, and (2^52 - 0.5) / 2^52, the greatest: the finishing step turns 0 into 0 and
  // ALL_ONES_BEFORE into 32 ones.
  const ALL_ONES_BEFORE = 857_579_651;
  test.each([
    ["least", 0, 0, 1, 1 / (53 * Math.LN2)],
    ["greatest", ALL_ONES_BEFORE, ~ALL_ONES_BEFORE, 10_000, 10_000 * 2 ** 53],
  ])("the %s score is positive and finite", (_, high, low, weight, expected) => {
    const its = score({ high: 0, low: 0 }, { hash: { high, low }, weight });
    expect(its / expected).toBeCloseTo(1, 9);
  });
});
