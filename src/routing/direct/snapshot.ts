// A fleet as an isolate needs it that sends requests to replicas by itself: the ready replicas, what they hold warm, how loaded they are. The object keeps
// it as numbered rows beside the fleet, each with the version at which it last changed, so that an isolate is sent only what is new to it (codec.ts).
//
// The rows are compared with the fleet at most every `imageAgeMs`, and with single replicas whose load a report has changed. So nothing in the
// ledger has to tell of its changes.
import type { Fleet } from "../ledger/fleet.ts";
import { evictedBy, heldHints, isReady, loadOf, type Replica } from "../ledger/replica.ts";
import { meanServiceMs } from "../model/model.ts";
import type { Scheduler } from "../scheduler.ts";
import { LIMITS } from "../limits.ts";

/** One ready replica. */
export interface Row {
  readonly id: string;
  readonly incarnation: number;
  readonly origin: string;
  readonly concurrency: number;
  /** Whether requests may be sent there without the object: it is trusted, its load is known, and it is not about to evict a hint. */
  readonly open: boolean;
  /** What it holds warm, would not evict next and has not failed too often, as rising indexes of names. */
  readonly hints: readonly number[];
  load: number;
  /** The versions at which anything of it but the load last changed, and at which the load did. */
  readonly changedAt: number;
  loadAt: number;
  /** What `hints` was made of. */
  readonly advertised: Replica["advertised"];
  readonly plain: boolean;
  readonly evicts: string | null;
}

/** A row whose replica has left, until another takes it. */
interface Vacant {
  readonly id: null;
  readonly changedAt: number;
}

/** The name of a hint. An index whose name no replica holds any more gets another name. */
export interface Name {
  readonly name: string;
  readonly namedAt: number;
  users: number;
}

export class FleetImage {
  /** Tells this image from one of another life of the object. */
  readonly epoch: number;
  version = 0;
  /** Expected time that a request holds a slot; 0 until any has finished. */
  serviceMs = 0;
  /** When all rows were last compared with the fleet. */
  comparedAtMs = -Infinity;
  readonly rows: (Row | Vacant)[] = [];
  readonly names: Name[] = [];
  readonly #rowOf = new Map<string, number>();
  readonly #indexOf = new Map<string, number>();
  readonly #vacantRows: number[] = [];
  readonly #unusedNames: number[] = [];
  #next = 0;
  #changed = false;

  constructor(epoch: number) {
    this.epoch = epoch;
  }

  /** Brings the rows of these replicas up to date, and all rows if they were not for `imageAgeMs`. O(touched); O(replicas + hints) at most that often. */
  refresh({ fleet, model }: Pick<Scheduler, "fleet" | "model">, now: number, touched: Iterable<string> = []): void {
    this.serviceMs = model.service.weight === 0 ? 0 : Math.max(1, Math.round(meanServiceMs(model)));
    this.#next = this.version + 1;
    this.#changed = false;
    if (now - this.comparedAtMs >= LIMITS.imageAgeMs) {
      this.comparedAtMs = now;
      for (const replica of fleet.replicas.values()) this.#compare(fleet, replica, now);
      for (const { id } of this.rows) if (id !== null && !fleet.replicas.has(id)) this.#vacate(id);
    } else {
      for (const id of touched) {
        const replica = fleet.replicas.get(id);
        if (replica !== undefined) this.#compare(fleet, replica, now);
      }
    }
    if (this.#changed) this.version = this.#next;
  }

  #compare(fleet: Fleet, replica: Replica, now: number): void {
    if (!isReady(replica)) return this.#vacate(replica.id);
    const { id, incarnation, origin, concurrency, advertised } = replica;
    const at = this.#rowOf.get(id);
    const row = at === undefined ? undefined : this.rows[at];
    const before = row?.id === null ? undefined : row;
    const open = !fleet.unhealthy.has(replica) && !replica.restored && !isEvicting(replica);
    const load = loadOf(replica);
    const plain = replica.unreported.size === 0 && fleet.hintFailures.size === 0;
    // The object may have another hint loaded there before an isolate hears of that. A replica that holds one hint alone is rarely asked for another.
    const evicts = heldHints(replica) > 1 ? evictedBy(replica) : null;
    const same = plain && before?.plain === true && before.advertised === advertised && before.evicts === evicts;
    const hints = same ? before.hints : this.#hintsOf(fleet, replica, evicts, now);
    const isAs = (row: Row) =>
      row.incarnation === incarnation && row.origin === origin && row.concurrency === concurrency && row.open === open;
    if (at !== undefined && before !== undefined && isAs(before) && (same || sameList(before.hints, hints))) {
      if (!same) {
        this.#release(hints);
        this.rows[at] = { ...before, advertised, plain, evicts };
      }
      return this.#setLoad(at, load);
    }
    if (!same && before !== undefined) this.#release(before.hints);
    const place = at ?? this.#vacantRows.pop() ?? this.rows.length;
    const versions = { changedAt: this.#next, loadAt: this.#next };
    this.rows[place] = { id, incarnation, origin, concurrency, open, hints, load, advertised, plain, evicts, ...versions };
    this.#rowOf.set(id, place);
    this.#changed = true;
  }

  #setLoad(at: number, load: number): void {
    const row = this.rows[at];
    if (row === undefined || row.id === null || row.load === load) return;
    row.load = load;
    row.loadAt = this.#next;
    this.#changed = true;
  }

  #vacate(id: string): void {
    const at = this.#rowOf.get(id);
    const row = at === undefined ? undefined : this.rows[at];
    if (at === undefined || row === undefined || row.id === null) return;
    this.#release(row.hints);
    this.#rowOf.delete(id);
    this.rows[at] = { id: null, changedAt: this.#next };
    this.#vacantRows.push(at);
    this.#changed = true;
  }

  /** What the replica holds and may be sent requests for; each counts as used once more. Loads in progress are not warm yet. */
  #hintsOf({ hintFailures }: Fleet, replica: Replica, evicts: string | null, now: number): number[] {
    const { advertised, unreported } = replica;
    const hints: number[] = [];
    const take = (hint: string) => {
      if (hint !== evicts && hintFailures.barredUntilMs(replica, hint, now) === 0) hints.push(this.#use(hint));
    };
    for (const hint of advertised?.keys() ?? []) take(hint);
    for (const hint of unreported.keys()) if (advertised?.has(hint) !== true) take(hint);
    return hints.sort((a, b) => a - b);
  }

  #use(name: string): number {
    const known = this.#indexOf.get(name);
    const its = known === undefined ? undefined : this.names[known];
    if (known !== undefined && its !== undefined) {
      its.users++;
      return known;
    }
    const index = this.#unusedNames.pop() ?? this.names.length;
    this.names[index] = { name, namedAt: this.#next, users: 1 };
    this.#indexOf.set(name, index);
    this.#changed = true;
    return index;
  }

  #release(hints: readonly number[]): void {
    for (const index of hints) {
      const its = this.names[index];
      if (its === undefined || --its.users > 0) continue;
      this.#indexOf.delete(its.name);
      this.#unusedNames.push(index);
    }
  }
}

/** It has to evict a hint for a load in progress, which takes until one is not in use. */
function isEvicting(replica: Replica): boolean {
  return replica.loading.size > 0 && heldHints(replica) > (replica.hintSlots ?? 0);
}

function sameList(one: readonly number[], other: readonly number[]): boolean {
  return one.length === other.length && one.every((value, index) => value === other[index]);
}
