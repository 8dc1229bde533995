// What a fleet keeps in SQLite: only what a restarted object can't learn from the next heartbeat.
//
//   replica(id, …)          one row per known replica; written when it joins or its report changes, deleted when it leaves
//   forbidden(id, …)        an incarnation that was deleted by an administrator, until it may return
//
// No table exists before the first accepted heartbeat, so an object that was merely asked stores nothing. Once the Directory knows that the last replica
// has left, everything is deleted, unless a deleted incarnation may not return yet: its row then stays until the app has replicas again. Liveness, load
// and sequence numbers stay in memory.
import type { ReplicaStatus } from "../src/routing/ledger/report.ts";
import type { StoredReplica } from "../src/routing/ledger/membership.ts";

export interface Forbidden {
  readonly id: string;
  readonly incarnation: number;
  readonly untilMs: number;
}

interface ReplicaRow extends Record<string, SqlStorageValue> {
  id: string;
  incarnation: number;
  origin: string;
  status: string;
  drained: number;
  concurrency: number;
  hint_slots: number | null;
  hints: string | null;
  reports_hints: number;
}

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS app (name TEXT PRIMARY KEY) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS replica (
    id TEXT PRIMARY KEY, incarnation INTEGER NOT NULL, origin TEXT NOT NULL, status TEXT NOT NULL, drained INTEGER NOT NULL,
    concurrency INTEGER NOT NULL, hint_slots INTEGER, hints TEXT, reports_hints INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS forbidden (id TEXT PRIMARY KEY, incarnation INTEGER NOT NULL, until_ms INTEGER NOT NULL) WITHOUT ROWID;`;

export class FleetStore {
  readonly #storage: DurableObjectStorage;
  #created: boolean;
  /** No deleted incarnation may return before that; a lower bound. */
  #nextReturnMs = 0;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
    this.#created = this.#sql("SELECT 1 FROM sqlite_master WHERE name = 'replica'").toArray().length > 0;
  }

  /** Name of the app whose fleet this is; null before the first accepted heartbeat. */
  app(): string | null {
    if (!this.#created) return null;
    const [row] = this.#sql<{ name: string }>("SELECT name FROM app").toArray();
    return row?.name ?? null;
  }

  replicas(): StoredReplica[] {
    if (!this.#created) return [];
    return this.#sql<ReplicaRow>("SELECT * FROM replica").toArray().map(fromRow);
  }

  /** The incarnations that may not return yet. */
  forbidden(now: number): Forbidden[] {
    this.purge(now);
    if (!this.#created || this.#nextReturnMs === Infinity) return [];
    return this.#sql<{ id: string; incarnation: number; untilMs: number }>(
      "SELECT id, incarnation, until_ms AS untilMs FROM forbidden",
    ).toArray();
  }

  /** Creates the tables with the first replica. */
  putReplica(app: string, replica: StoredReplica): void {
    if (!this.#created) {
      this.#sql(SCHEMA);
      this.#sql("INSERT INTO app VALUES (?) ON CONFLICT DO NOTHING", app);
      this.#created = true;
    }
    this.#sql(
      "INSERT OR REPLACE INTO replica VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
      replica.id,
      replica.incarnation,
      replica.origin,
      replica.status,
      replica.drained ? 1 : 0,
      replica.concurrency,
      replica.hintSlots,
      replica.hints && JSON.stringify(replica.hints),
      replica.reportsHints ? 1 : 0,
    );
  }

  dropReplica(id: string): void {
    if (this.#created) this.#sql("DELETE FROM replica WHERE id = ?", id);
  }

  hasForbidden(now: number): boolean {
    this.purge(now);
    return this.#created && this.#nextReturnMs < Infinity;
  }

  forbid(forbidden: Forbidden): void {
    this.#nextReturnMs = Math.min(this.#nextReturnMs, forbidden.untilMs);
    this.#sql("INSERT OR REPLACE INTO forbidden VALUES (?, ?, ?)", forbidden.id, forbidden.incarnation, forbidden.untilMs);
  }

  /** Forgets incarnations that may return by now. Reads the table only if there may be one. */
  purge(now: number): void {
    if (!this.#created || now < this.#nextReturnMs) return;
    this.#sql("DELETE FROM forbidden WHERE until_ms <= ?", now);
    const { next } = this.#sql<{ next: number | null }>("SELECT MIN(until_ms) AS next FROM forbidden").one();
    this.#nextReturnMs = next ?? Infinity;
  }

  /** Reads from storage. An object that another has replaced finds that out by this read. */
  touch(): void {
    this.#sql("SELECT 1").toArray();
  }

  /** The last replica has left and the Directory knows. Nothing stays stored, no alarm either. */
  async clear(): Promise<void> {
    if (!this.#created) return;
    this.#created = false;
    this.#nextReturnMs = Infinity;
    await this.#storage.deleteAll();
  }

  #sql<Row extends Record<string, SqlStorageValue>>(query: string, ...bindings: SqlStorageValue[]): SqlStorageCursor<Row> {
    return this.#storage.sql.exec<Row>(query, ...bindings);
  }
}

function fromRow(row: ReplicaRow): StoredReplica {
  return {
    id: row.id,
    incarnation: row.incarnation,
    origin: row.origin,
    status: row.status as ReplicaStatus,
    drained: row.drained === 1,
    concurrency: row.concurrency,
    hintSlots: row.hint_slots,
    hints: row.hints === null ? null : (JSON.parse(row.hints) as string[]),
    reportsHints: row.reports_hints === 1,
  };
}
