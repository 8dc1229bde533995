// The requests that wait, each with what it waits for.
import type { QueueView, WaitingView } from "../../views/queue.ts";
import { seconds, whole } from "../format.ts";
import { Hints, Table } from "../parts.tsx";

export function Queue({ queue: { waiting, total } }: { readonly queue: QueueView }) {
  return (
    <section id="queue" aria-labelledby="queue-title">
      <h2 id="queue-title">
        Queue <span class="count">{whole(total)}</span>
      </h2>
      {total === 0 ? (
        <p class="empty">No request waits.</p>
      ) : (
        <Table label="Requests that wait" heads={["Waits for", ["Waited"], ["Gives up in"], "Priority", "Because"]}>
          {waiting.map((its) => (
            <tr>
              <td>{its.hints.length === 0 ? <em>any replica</em> : <Hints hints={its.hints} />}</td>
              <td class="number">{seconds(its.waited_ms / 1000)}</td>
              <td class="number">{seconds(its.deadline_in_ms / 1000)}</td>
              <td>{its.priority}</td>
              <td class="words">{because(its)}</td>
            </tr>
          ))}
        </Table>
      )}
      {total > waiting.length && <p class="note">{`The oldest ${waiting.length} of ${whole(total)} are shown.`}</p>}
    </section>
  );
}

function because({ why, expected_wait_s: expected, worth_waiting_s: worth }: WaitingView): string {
  switch (why) {
    case "full":
      return "No replica that may take the request has a free slot.";
    case "hold":
      return expected === null || worth === null
        ? "A warm replica is worth the wait."
        : `A warm replica is expected in ${seconds(expected)}; up to ${seconds(worth)} are better than a load.`;
    case "recovering":
      return "The object has restarted, and running requests report themselves first.";
    case "no_replicas":
      return "The app has no replica that is ready.";
    case "next":
      return "The request is sent next.";
  }
}
