// Why requests went where they went, over the last hour.
import type { HistoryView } from "../../views/history.ts";
import { share, whole } from "../format.ts";
import { Meter, Table } from "../parts.tsx";
import { sumOf } from "./minutes.ts";

type Reason = keyof HistoryView["minutes"][number]["reasons"];

const MEANINGS: Readonly<Record<Reason, string>> = {
  hint_match: "A warm replica was free.",
  hint_wait: "The request waited, and a warm replica became free.",
  hash_owner: "No warm replica was free: loaded on the first in the hint’s hash order.",
  hash_spill: "No warm replica was free: loaded where that hurt less.",
  least_loaded: "The request had no hint.",
};

export function Decisions({ history: { minutes } }: { readonly history: HistoryView }) {
  const requests = sumOf(minutes, (minute) => minute.requests);
  const rest = [
    ["Refused", sumOf(minutes, ({ refused }) => refused)],
    ["Failed at a replica", sumOf(minutes, ({ failed }) => failed)],
    ["Tried again", sumOf(minutes, ({ retries }) => retries)],
    ["Ejections", sumOf(minutes, ({ ejections }) => ejections)],
  ] as const;
  return (
    <section id="decisions" aria-labelledby="decisions-title">
      <h2 id="decisions-title">Decisions in the last hour</h2>
      <Table label="Decisions by reason" heads={["Reason", ["Requests"], ["Share"], "Meaning"]}>
        {Object.entries(MEANINGS).map(([reason, meaning]) => {
          const count = sumOf(minutes, ({ reasons }) => reasons[reason as Reason]);
          return (
            <tr>
              <th scope="row">
                <code>{reason}</code>
              </th>
              <td class="number">{whole(count)}</td>
              <td class="number">
                {`${share(count, requests)} `}
                <Meter value={count} most={requests} label={`${share(count, requests)} of requests`} />
              </td>
              <td class="words">{meaning}</td>
            </tr>
          );
        })}
      </Table>
      <ul class="facts">
        {rest.map(([name, count]) => (
          <li>
            {name}: <strong>{whole(count)}</strong>
          </li>
        ))}
      </ul>
    </section>
  );
}
