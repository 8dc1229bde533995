// Weighted rendezvous hashing (highest random weight): for each hint a ranked list of all replicas, with exactly minimal
// disruption. Adding a replica moves only the hints it now owns; removing one moves only those it owned.
//
// Sources: Thaler and Ravishankar, "Using name-based mappings to increase hit rates", IEEE/ACM ToN 6(1), 1998; the weighted form
// -w / ln(u) is Schindelhauer and Schomaker, "Weighted distributed hash tables", SPAA 2005, and Resch, SDC 2015.
//
// THE VALUES MAY NEVER CHANGE: edges and objects of different releases must agree on owners, and every change is a cold load for
// every hint. test/routing/rendezvous.test.ts pins them.

/** Two independent 32-bit lanes of a name's hash; computed once per replica and once per request. */
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

/** What a hint's order is computed from. `weight` is positive: the replica's concurrency. */
export interface Weighted {
  readonly hash: NameHash;
  readonly weight: number;
}

/** FNV-1a over UTF-16 code units from two offsets, each finished by `mix`. O(length). */
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
 * The replica's score for a hint: the highest of all owns it. Positive and finite. O(1).
 * u is uniform in (0, 1) with 52 bits, so -weight / ln(u) never divides by zero and never rounds to infinity.
 */
export function score(hint: NameHash, replica: Weighted): number {
  return -replica.weight / Math.log(uniform(hint, replica));
}

function uniform(hint: NameHash, { hash }: Weighted): number {
  const high = mix(hint.high ^ hash.high);
  const low = mix(hint.low ^ hash.low ^ high);
  return ((high >>> 0) * 2 ** 20 + (low >>> 12) + 0.5) / 2 ** 52;
}

/** The upper 32 bits of a replica's u: what can be said of its score at a glance. `high`: of its hash. O(1). */
export function upperBits(hint: NameHash, high: number): number {
  return mix(hint.high ^ high) >>> 0;
}

/** A replica of this weight or less whose upper bits are below that scores less, rounding or not. */
export function upperBitsOf(score: number, weight: number): number {
  return Math.floor(Math.exp(-weight / (score * CERTAIN)) * 2 ** 32);
}

/** So much less than a score is below it for certain. */
const CERTAIN = 1 - 1e-9;

/**
 * The owner: the replica of highest score among those given, or null of none. Equal scores, which take a collision of 52 bits,
 * go to the first given. One pass, O(n): never sort a whole fleet on a request's path.
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

/** All replicas in a hint's order, owner first. O(n log n): for explanations and tests. */
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
