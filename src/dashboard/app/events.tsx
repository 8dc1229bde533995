// What happened lately to replicas and to the app's object.
import type { EventView } from "../../views/events.ts";
import { Moment, Table } from "../parts.tsx";

export function Events({ events }: { readonly events: readonly EventView[] }) {
  return (
    <section id="events" aria-labelledby="events-title">
      <h2 id="events-title">Events</h2>
      {events.length === 0 ? (
        <p class="empty">None since the object started.</p>
      ) : (
        <Table label="Events" heads={["When", "What", "Replica", "In words"]}>
          {events.map(({ at_ms, kind, replica, detail }) => (
            <tr>
              <td>
                <Moment atMs={at_ms} />
              </td>
              <td>
                <span class={`state ${BAD.has(kind) ? "bad" : "off"}`}>{kind.replaceAll("_", " ")}</span>
              </td>
              <td>{replica ?? "–"}</td>
              <td class="words">{detail}</td>
            </tr>
          ))}
        </Table>
      )}
    </section>
  );
}

const BAD: ReadonlySet<EventView["kind"]> = new Set<EventView["kind"]>(["ejected", "expired", "hint_failed"]);
