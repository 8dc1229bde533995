// Weighted rendezvous hashing (highest random weight): a ranked list of all replicas for each hint, with the least possible disruption. A replica
// that is added moves only the hints that it then owns. A replica that is removed moves only the hints that it owned.
//
// Sources: Thaler and Ravishankar, "Using name-based mappings to increase hit rates", IEEE/ACM ToN 6(1), 1998; the weighted form -w / ln(u) is
// Schindelhauer and Schomaker, "Weighted distributed hash tables", SPAA 2005, and Resch, SDC 2015.
//
// THE VALUES MAY NEVER CHANGE: edges and objects of different releases must agree on owners, and a change costs a cold load of every hint.
// test/routing/rendezvous.test.ts pins the values.

/** Two independent 32-bit halves of a name's hash. They are computed once for each replica and once for each request. */
export interface NameHash {
  readonly high: number;
  readonly low: number;
}

/** A hash of a set of names, in whatever order, each once. O(characters). */
export function hashNames(names: Iterable<string>): number {
  let sum = 0;
  for (const name of names) {
    const { high, low } = hashName(name);
    sum = (sum + mix(high ^ low)) | 0;
  }
  return sum;
}

/** What the order of a hint is computed from. The weight of a replica is its concurrency, so it is positive. */
export interface Weighted {
  readonly hash: NameHash;
  readonly weight: number;
}

/** FNV-1a over UTF-16 code units, from two offsets. `mix` finishes each half. O(length). */
export function hashName(name: string): NameHash {
  let high = 0x811c9dc5;
  let low = 0x9747b28c;
  for (let index = 0; index < name.length; index++) {
    const unit = name.charCodeAt(index);
    high = Math.imul(high ^ unit, 0x01000193);
    low = Math.imul(low ^ unit, 0x01000193) ^ (unit << 7);
  }
  return { high: mix(high), low: mix(low ^ name.length) };
}

/**
 * The replica's score for a hint. The replica with the highest score owns the hint. Scores are positive and finite: u is uniform in (0, 1) with 52
 * bits, so -weight / ln(u) never divides by zero and never rounds to infinity. O(1).
 */
export function score(hint: NameHash, replica: Weighted): number {
  return -replica.weight / Math.log(uniform(hint, replica));
}

function uniform(hint: NameHash, { hash }: Weighted): number {
  const high = mix(hint.high ^ hash.high);
  const low = mix(hint.low ^ hash.low ^ high);
  return ((high >>> 0) * 2 ** 20 + (low >>> 12) + 0.5) / 2 ** 52;
}

/** The upper 32 bits of a replica's u, which bound its score. `high`: the upper half of the replica's hash. O(1). */
export function upperBits(hint: NameHash, high: number): number {
  return mix(hint.high ^ high) >>> 0;
}

/** A bound for upper bits: a replica of this weight or less whose upper bits are below it scores less, even if rounding errs. */
export function upperBitsOf(score: number, weight: number): number {
  return Math.floor(Math.exp(-weight / (score * CERTAIN)) * 2 ** 32);
}

/** A score times this factor is below the score even if rounding errs. */
const CERTAIN = 1 - 1e-9;

/**
 * The owner: the given replica with the highest score; null: none is given. If scores are equal, which takes a collision of 52 bits, the first given
 * replica wins. One pass, O(n): the path of a request never sorts a whole fleet.
 */
export function ownerOf<R extends Weighted>(hint: NameHash, replicas: Iterable<R>): R | null {
  let owner: R | null = null;
  let best = -1;
  for (const replica of replicas) {
    const candidate = score(hint, replica);
    if (candidate > best) [owner, best] = [replica, candidate];
  }
  return owner;
}

/** All replicas in the order of a hint, owner first. For explanations and tests. O(n log n). */
export function ranked<R extends Weighted>(hint: NameHash, replicas: Iterable<R>): R[] {
  return [...replicas]
    .map((replica) => ({ replica, score: score(hint, replica) }))
    .sort((a, b) => b.score - a.score)
    .map((entry) => entry.replica);
}

/** The finishing step of MurmurHash3 (Appleby, public domain): every input bit changes every output bit with probability 1/2. */
function mix(value: number): number {
  let h = value ^ (value >>> 16);
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return h ^ (h >>> 16);
}
