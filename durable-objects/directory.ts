// The list of apps, because objects can't be enumerated: one row per app, written when its first replica comes and when its last one leaves. The
// Directory also tells a Worker whether an app exists, so that made-up names never start a Fleet object.
import { DurableObject } from "cloudflare:workers";
import { BOUNDS } from "../src/limits.ts";

export interface ListedApp {
  readonly app: string;
  /** When its first replica came, milliseconds since 1970. */
  readonly since_ms: number;
}

export class Directory extends DurableObject {
  #created: boolean;

  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env);
    this.#created = ctx.storage.sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'app'").toArray().length > 0;
  }

  /** The app has replicas. Writes a row only if that is news. */
  arrived(app: string): void {
    const { sql } = this.ctx.storage;
    if (!this.#created) {
      sql.exec(
        "CREATE TABLE IF NOT EXISTS app (name TEXT PRIMARY KEY, since_ms INTEGER NOT NULL, left_ms INTEGER) WITHOUT ROWID",
      );
      this.#created = true;
    }
    const upsert = `INSERT INTO app VALUES (?, ?, NULL)
      ON CONFLICT (name) DO UPDATE SET since_ms = excluded.since_ms, left_ms = NULL WHERE left_ms IS NOT NULL`;
    sql.exec(upsert, app, Date.now());
  }

  /** The app's last replica has left. The Directory remembers the name for 24 hours, and forgets older names here. */
  left(app: string): void {
    if (!this.#created) return;
    const now = Date.now();
    const { sql } = this.ctx.storage;
    sql.exec("UPDATE app SET left_ms = ? WHERE name = ? AND left_ms IS NULL", now, app);
    sql.exec("DELETE FROM app WHERE left_ms <= ?", now - BOUNDS.appMemoryMs);
  }

  /** Whether a replica of the app was there within the last 24 hours. */
  knows(app: string): boolean {
    if (!this.#created) return false;
    const known = "SELECT 1 FROM app WHERE name = ? AND (left_ms IS NULL OR left_ms > ?)";
    return this.ctx.storage.sql.exec(known, app, Date.now() - BOUNDS.appMemoryMs).toArray().length > 0;
  }

  /** Apps with replicas in order of name, after a given one, at most `limit`. */
  list(after: string, limit: number): ListedApp[] {
    if (!this.#created) return [];
    const query = "SELECT name AS app, since_ms FROM app WHERE left_ms IS NULL AND name > ? ORDER BY name LIMIT ?";
    return this.ctx.storage.sql.exec<{ app: string; since_ms: number }>(query, after, limit).toArray();
  }

  /** Takes a link's nonce, which is good until then. False: the link was used before, or too many were used of late to know. */
  takeLink(nonce: string, untilMs: number): boolean {
    const { sql } = this.ctx.storage;
    sql.exec("CREATE TABLE IF NOT EXISTS used_link (nonce TEXT PRIMARY KEY, until_ms INTEGER NOT NULL) WITHOUT ROWID");
    sql.exec("DELETE FROM used_link WHERE until_ms <= ?", Date.now());
    const [{ count } = { count: 0 }] = sql.exec<{ count: number }>("SELECT COUNT(*) AS count FROM used_link").toArray();
    if (count >= BOUNDS.signInLinksUsed) return false;
    return sql.exec("INSERT INTO used_link VALUES (?, ?) ON CONFLICT DO NOTHING", nonce, untilMs).rowsWritten > 0;
  }
}
