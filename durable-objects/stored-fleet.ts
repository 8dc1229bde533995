// What outlives the Fleet object's memory: its rows, its entry in the Directory, its alarm. Says what a restart restores.
import { BOUNDS } from "../src/limits.ts";
import type { Fleet } from "../src/routing/ledger/fleet.ts";
import { restoreReplica, storedForm, type StoredReplica } from "../src/routing/ledger/membership.ts";
import type { Replica } from "../src/routing/ledger/replica.ts";
import { originFault } from "../src/settings/origin-policy.ts";
import type { Settings } from "../src/settings/settings.ts";
import { withoutAliases } from "../src/wire/hints.ts";
import { DirectoryListing } from "./directory-listing.ts";
import { FleetStore, type Forbidden } from "./fleet-store.ts";

export class StoredFleet {
  readonly #ctx: DurableObjectState;
  readonly #settings: Settings;
  readonly #fleet: Fleet;
  readonly #store: FleetStore;
  readonly #listing: DirectoryListing;
  /** Replicas whose rows are to be written soon. */
  readonly #dirty = new Set<Replica>();
  #app: string | null;

  constructor(ctx: DurableObjectState, env: Cloudflare.Env, settings: Settings, fleet: Fleet) {
    this.#ctx = ctx;
    this.#settings = settings;
    this.#fleet = fleet;
    this.#store = new FleetStore(ctx.storage);
    this.#listing = new DirectoryListing(env, () => fleet.replicas.size > 0);
    this.#app = this.#store.app();
  }

  /** Null: no replica was ever heard of. */
  get app(): string | null {
    return this.#app;
  }

  /** Whether storage and the Directory have all that they should. */
  get isComplete(): boolean {
    return this.#dirty.size === 0 && this.#listing.isTrue;
  }

  /**
   * Puts back what was stored, with hints as the present settings name them. `untilMs`: until when a replica lives, if that is known; null: a full time to live. One whose origin the present settings
   * do not admit leaves as if its time were over.
   */
  restore(timeToLiveMs: (replicas: number) => number, untilMs: (replica: StoredReplica) => number | null, now: number): void {
    for (const forbidden of this.#store.forbidden(now)) {
      this.#fleet.tombstones.set(forbidden.id, { ...forbidden, sequence: null, forbidden: true, record: null });
    }
    const stored = this.#store.replicas();
    const fullMs = now + timeToLiveMs(stored.length);
    const { HINT_ALIASES } = this.#settings;
    for (const replica of stored) {
      const hints = replica.hints && withoutAliases(replica.hints, HINT_ALIASES);
      restoreReplica(this.#fleet, { ...replica, hints }, this.#isAdmitted(replica) ? (untilMs(replica) ?? fullMs) : now);
    }
  }

  /** The object had hibernated, which it does only while everything is complete. */
  resume(): void {
    this.#listing.resume();
  }

  /** A replica reported. `changed`: its row is not true any more. */
  reported(app: string, replica: Replica, changed: boolean): void {
    this.#app = app;
    if (changed) this.put(replica);
  }

  /** Writes the replica's row now. */
  put(replica: Replica): void {
    this.#dirty.delete(replica);
    if (this.#app !== null) this.#store.putReplica(this.#app, storedForm(replica));
  }

  /**
   * An answer of the replica changed what it holds. A row holds back what the object says to anybody until it is written, so none is written if a heartbeat
   * will say the same; else soon, once for many answers. Says when: `flush` must be called by then. Null: never.
   */
  putSoon(replica: Replica, now: number): number | null {
    if (replica.reportsHints) return null;
    this.#dirty.add(replica);
    return now + BOUNDS.rowDelayMs;
  }

  flush(): void {
    for (const replica of this.#dirty) if (this.#fleet.replicas.get(replica.id) === replica) this.put(replica);
    this.#dirty.clear();
  }

  forbid(forbidden: Forbidden): void {
    this.#store.forbid(forbidden);
  }

  /** Replicas have left. With the last one the Directory and the alarm follow. */
  forget(ids: readonly string[], now: number): void {
    this.#store.purge(now);
    for (const id of ids) this.#store.dropReplica(id);
    if (this.#fleet.replicas.size === 0) this.#ctx.waitUntil(this.leave());
  }

  /** Pending until the Directory knows that the app has replicas, if it has. */
  async listed(app: string): Promise<void> {
    if (this.#fleet.replicas.size > 0) await this.#listing.sync(app);
  }

  /**
   * The app has no replicas. Once the Directory knows, everything stored is deleted. Until then the app's name and the alarm stay, so that the Directory is
   * told even if this object ends. False: that is not done yet, or a replica came meanwhile.
   */
  async leave(): Promise<boolean> {
    const listed = this.#app !== null && (await this.#listing.sync(this.#app));
    if (listed !== false || this.#fleet.replicas.size > 0) return false;
    await (this.#store.hasForbidden(Date.now()) ? this.#ctx.storage.deleteAlarm() : this.#store.clear());
    return true;
  }

  /** An object that another has replaced finds that out by this. */
  touch(): void {
    this.#store.touch();
  }

  #isAdmitted({ id, origin }: StoredReplica): boolean {
    const fault = this.#app === null ? null : originFault(origin, this.#app, null, this.#settings);
    if (fault === null) return true;
    console.warn(JSON.stringify({ message: "a stored replica is not admitted any more", app: this.#app, replica: id, fault }));
    return false;
  }
}
