// Seeded randomness: the same seed gives the same run on every machine.
import { uniformFloat64 } from "pure-rand/distribution/uniformFloat64";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";

/** A function that gives the next number in [0, 1). */
export type Random = () => number;

/**
 * The generator starts from a state that is mostly ones. Without a warm-up its first number is 1 − 2⁻²⁵ or so whatever the seed, and the next
 * numbers rise evenly with the seed.
 */
const WARM_UP_DRAWS = 20;

/** `seed` is a 32-bit integer. */
export function seeded(seed: number): Random {
  const generator = xoroshiro128plus(seed);
  for (let draw = 0; draw < WARM_UP_DRAWS; draw++) generator.next();
  return () => uniformFloat64(generator);
}

/** A seed of its own for each name: FNV-1a, 32 bits, over UTF-16 units (http://www.isthe.com/chongo/tech/comp/fnv/). */
export function seedFor(seed: number, name: string): number {
  let hash = (0x811c9dc5 ^ seed) >>> 0;
  for (let index = 0; index < name.length; index++) hash = Math.imul(hash ^ name.charCodeAt(index), 0x01000193);
  return hash | 0;
}

/** Standard normal, by Box and Muller. */
export function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
