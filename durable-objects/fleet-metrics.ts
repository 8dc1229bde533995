// The Fleet object's side of `GET /-/metrics`: what a scrape is told, and the one row that keeps the counters over a restart.
//
// A scraper takes a counter that has fallen for one that began anew at 0, and adds its whole value again. So no scrape may show more than is stored: each
// scrape writes first what it will show, and the runtime holds the answer back until the row is on disk. Between scrapes a row a minute at most is
// written, so that little is lost with the object's memory. An app that is never scraped stores nothing.
import { BOUNDS } from "../src/limits.ts";
import { countUntold } from "../src/routing/lifecycle.ts";
import { addStored } from "../src/routing/metrics/metrics.ts";
import type { Scheduler } from "../src/routing/scheduler.ts";
import { gaugesOf, type FleetScrape } from "../src/views/gauges.ts";

export class FleetMetrics {
  readonly #sql: SqlStorage;
  readonly #scheduler: Scheduler;
  /** The row as it was last written; null: there is none, because nobody has asked for the app's metrics yet. */
  #row: string | null = null;
  #writtenAtMs = 0;

  /** Restores what the row holds. */
  constructor({ sql }: DurableObjectStorage, scheduler: Scheduler) {
    this.#sql = sql;
    this.#scheduler = scheduler;
    if (sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'metrics'").toArray().length === 0) return;
    const [row] = sql.exec<{ counts: string }>("SELECT counts FROM metrics").toArray();
    if (row === undefined) return;
    this.#row = row.counts;
    addStored(scheduler.metrics, JSON.parse(row.counts));
  }

  /** What a scrape is told, which is stored before if it is to be kept; null: the app has no replicas. O(replicas). */
  scrape(isKept: boolean, now: number): FleetScrape | null {
    if (this.#scheduler.fleet.replicas.size === 0) return null;
    countUntold(this.#scheduler, now - BOUNDS.untoldMs);
    if (isKept) this.#write(now);
    return { ...gaugesOf(this.#scheduler, now), metrics: this.#scheduler.metrics };
  }

  /** The object may hibernate now, or has looked after its fleet. Writes the row if it is old. O(1) within a minute of the last row. */
  keep(now: number): void {
    if (this.#row === null || now - this.#writtenAtMs < BOUNDS.metricsRowMs) return;
    if (this.#scheduler.fleet.replicas.size > 0) this.#write(now);
  }

  /** Replicas leave. With the last one all that is stored is deleted soon, unless the Directory can't be told. */
  left(now: number): void {
    if (this.#row !== null && this.#scheduler.fleet.replicas.size === 0) this.#write(now);
  }

  /** The table may have been deleted with everything else, when the last replica left. */
  #write(now: number): void {
    this.#writtenAtMs = now;
    const row = JSON.stringify(this.#scheduler.metrics);
    if (row === this.#row) return;
    this.#row = row;
    this.#sql.exec("CREATE TABLE IF NOT EXISTS metrics (id INTEGER PRIMARY KEY, counts TEXT NOT NULL)");
    this.#sql.exec("INSERT OR REPLACE INTO metrics VALUES (1, ?)", row);
  }
}
