// The last loads: what was loaded where, how long that took, and instead of what.
import type { EventView } from "../../views/events.ts";
import { seconds } from "../format.ts";
import { Moment, Table } from "../parts.tsx";

const KINDS = {
  first_touch: "first time in this fleet",
  duplicate: "held elsewhere too",
  evicted: "was evicted before",
} as const;

export function Loads({ loads }: { readonly loads: readonly EventView[] }) {
  return (
    <section id="loads" aria-labelledby="loads-title">
      <h2 id="loads-title">Last loads</h2>
      {loads.length === 0 ? (
        <p class="empty">None since the object started.</p>
      ) : (
        <Table label="Last loads" heads={["When", "Replica", "Loaded", ["In"], "Instead of", "Kind"]}>
          {loads.map(({ at_ms, replica, hint, load }) => (
            <tr>
              <td>
                <Moment atMs={at_ms} />
              </td>
              <td>{replica}</td>
              <td>
                <code>{hint}</code>
              </td>
              <td class="number">{load === null ? "–" : seconds(load.seconds)}</td>
              <td>{load?.evicts ? <code>{load.evicts}</code> : "–"}</td>
              <td>{load === null ? "" : KINDS[load.kind]}</td>
            </tr>
          ))}
        </Table>
      )}
    </section>
  );
}
