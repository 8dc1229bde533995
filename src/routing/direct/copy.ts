// An isolate's copy of a fleet, brought up to date by what the object sends, and what the isolate adds to it: the requests that it has sent there itself.
import { drop, put } from "../ledger/maps.ts";
import { hashName, type NameHash, type Weighted } from "../rendezvous.ts";
import { BadBytes } from "./bytes.ts";
import { decode, type Known, type Sent, type SentRow } from "./codec.ts";

/** One process of a replica. The same object as long as the copy has that process. */
export interface DirectReplica extends Weighted {
  readonly id: string;
  readonly incarnation: number;
  readonly hash: NameHash;
  weight: number;
  origin: string;
  concurrency: number;
  /** Whether requests may be sent there without the object. */
  open: boolean;
  hints: readonly string[];
  /** Slots taken, as the object knew. */
  load: number;
  /** Requests of this isolate that are not over; and how many of them the last report has told of, and `load` includes. */
  unfinished: number;
  told: number;
  included: number;
}

export class FleetCopy {
  #known: Known | null = null;
  #names: string[] = [];
  #rows: (DirectReplica | null)[] = [];
  #replicas: readonly DirectReplica[] = [];
  #byHint = new Map<string, Set<DirectReplica>>();
  /** When the object was asked for what the copy shows. */
  atMs = -Infinity;
  /** Expected time that a request holds a slot there; 0: not known. */
  serviceMs = 0;
  /** The last report, and the one that the copy's loads include. */
  #told = 0;
  #included = 0;

  /** What the object is told, to be sent only what is new. */
  get known(): Known | null {
    return this.#known;
  }

  /** Every ready replica. */
  get replicas(): readonly DirectReplica[] {
    return this.#replicas;
  }

  /** Those that hold the hint warm. */
  holding(hint: string): Iterable<DirectReplica> {
    return this.#byHint.get(hint) ?? [];
  }

  /** A request of this isolate is sent there. Gives the number of the report that tells of it first. */
  begin(replica: DirectReplica): number {
    replica.unfinished++;
    return this.#told + 1;
  }

  /** It is over. */
  end(replica: DirectReplica, toldBy: number): void {
    replica.unfinished--;
    if (toldBy <= this.#told) replica.told--;
    if (toldBy <= this.#included) replica.included--;
  }

  /** The next snapshot will include what is unfinished now: a report tells of it. Gives the number of the report. O(replicas). */
  noteReport(): number {
    for (const replica of this.#replicas) replica.told = replica.unfinished;
    return ++this.#told;
  }

  /**
   * Takes over what the object sent when it was asked at a time. Throws `BadBytes`, and changes nothing, if the bytes are damaged or do not follow on what
   * the copy has; the whole is then to be asked for (`known` null). O(replicas + hints sent).
   */
  apply(bytes: Uint8Array, atMs: number): void {
    const sent = decode(bytes);
    this.#check(sent);
    const departed = new Map<string, DirectReplica>();
    if (sent.since === null) {
      for (const replica of this.#replicas) departed.set(replica.id, replica);
      [this.#names, this.#rows, this.#byHint] = [[], [], new Map()];
    }
    for (const { index, name } of sent.names) this.#names[index] = name;
    for (const replica of this.#replicas) replica.included = replica.told;
    for (const row of sent.left) {
      const its = this.#rows[row] ?? null;
      if (its !== null) departed.set(its.id, its);
      this.#put(row, null);
    }
    for (const its of sent.rows) {
      const before = this.#rows[its.row] ?? null;
      const same = before?.id === its.id ? before : departed.get(its.id);
      this.#put(its.row, this.#replicaOf(its, same ?? null));
    }
    for (const { row, load } of sent.loads) this.#rows[row]!.load = load;
    // A row that is sent for the first time may lie beyond rows that are vacant.
    for (let row = 0; row < this.#rows.length; row++) this.#rows[row] ??= null;
    this.#replicas = this.#rows.filter((row) => row !== null);
    this.#known = { epoch: sent.epoch, version: sent.version };
    this.atMs = atMs;
    this.serviceMs = sent.serviceMs;
    this.#included = this.#told;
  }

  #check({ epoch, since, names, rows, left, loads }: Sent): void {
    const isWhole = since === null;
    if (!isWhole && (this.#known?.epoch !== epoch || this.#known.version !== since))
      throw new BadBytes("follows on another version");
    const named = new Set(names.map(({ index }) => index));
    const gone = new Set(left);
    const has = (row: number) => !isWhole && (this.#rows[row] ?? null) !== null && !gone.has(row);
    for (const { hints } of rows) {
      for (const hint of hints) {
        if (!named.has(hint) && (isWhole || this.#names[hint] === undefined)) throw new BadBytes("a hint without a name");
      }
    }
    if (!loads.every(({ row }) => has(row))) throw new BadBytes("a load of nobody");
    if (isWhole && left.length > 0) throw new BadBytes("nobody can have left");
  }

  #put(row: number, replica: DirectReplica | null): void {
    const before = this.#rows[row] ?? null;
    if (before !== null && before !== replica) for (const hint of before.hints) drop(this.#byHint, hint, before);
    this.#rows[row] = replica;
  }

  #replicaOf(its: SentRow, before: DirectReplica | null): DirectReplica {
    const { id, incarnation, origin, concurrency, open, load } = its;
    const hints = its.hints.map((index) => this.#names[index] ?? "");
    const said = { origin, concurrency, weight: concurrency, open, load };
    if (before?.incarnation === incarnation) {
      for (const hint of before.hints) drop(this.#byHint, hint, before);
      for (const hint of hints) put(this.#byHint, hint, before);
      Object.assign(before, said, { hints });
      before.included = before.told;
      return before;
    }
    const own = { unfinished: 0, told: 0, included: 0 };
    const replica: DirectReplica = { id, incarnation, hash: hashName(id), ...said, hints, ...own };
    for (const hint of hints) put(this.#byHint, hint, replica);
    return replica;
  }
}
