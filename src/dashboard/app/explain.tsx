// What would become of a request that came now, in words and numbers.
import { inWords } from "../../views/explain-words.ts";
import type { CandidateView, Explanation } from "../../views/explain.ts";
import { counted, seconds } from "../format.ts";
import { Table } from "../parts.tsx";
import type { PageQuery } from "./page-query.ts";
import { Kept } from "./replicas.tsx";

interface Props {
  readonly app: string;
  readonly explanation: Explanation | null;
  readonly query: PageQuery;
}

/** Candidates that a reader takes in. The others are in the command line's answer. */
const SHOWN = 20;

export function Explain({ app, explanation, query }: Props) {
  return (
    <section id="explain" aria-labelledby="explain-title">
      <h2 id="explain-title">Where would a request go?</h2>
      <form class="filter" action="#explain">
        <Kept query={query} but={["explain"]} />
        <label>
          Its hints, most preferred first <input name="explain" value={query.asked ?? ""} maxlength={600} />
        </label>
        <button type="submit">Explain</button>
      </form>
      {query.fault !== null && (
        <p class="fault" role="alert">
          Hints: {query.fault}.
        </p>
      )}
      {explanation !== null && <Answer app={app} explanation={explanation} />}
    </section>
  );
}

function Answer({ app, explanation }: { readonly app: string; readonly explanation: Explanation }) {
  const { candidates, candidates_total: total } = explanation;
  const shown = candidates.slice(0, SHOWN);
  return (
    <>
      <p class="decision">{inWords(app, explanation)}</p>
      {shown.length > 0 && (
        <Table
          label="Candidates"
          heads={[
            "Replica",
            ["Hash rank"],
            "Warm for",
            ["In flight"],
            "Passed over",
            ["Wait"],
            ["Load"],
            "Evicts",
            ["Eviction"],
            ["Cost"],
            ["Occupation"],
          ]}
        >
          {shown.map((its) => (
            <Row candidate={its} />
          ))}
        </Table>
      )}
      <p class="note">{`${counted(total, "candidate")}${shown.length < total ? `, the best ${shown.length} shown` : ""}. Costs are seconds of expected work.`}</p>
    </>
  );
}

function Row({ candidate: its }: { readonly candidate: CandidateView }) {
  return (
    <tr class={its.chosen ? "chosen" : undefined}>
      <th scope="row">
        {its.replica}
        {its.chosen && <span class="state good">chosen</span>}
      </th>
      <td class="number">{its.hash_rank}</td>
      <td>{its.warm_for === null ? "–" : <code>{its.warm_for}</code>}</td>
      <td class="number">{`${its.in_flight} / ${its.concurrency}`}</td>
      <td>{its.passed_over?.replaceAll("_", " ") ?? "–"}</td>
      <td class="number">{seconds(its.wait_s)}</td>
      <td class="number">{seconds(its.load_s)}</td>
      <td>{its.evicts === null ? "–" : <code>{its.evicts}</code>}</td>
      <td class="number">{seconds(its.eviction_s)}</td>
      <td class="number">{seconds(its.cost_s)}</td>
      <td class="number">{seconds(its.occupation_s)}</td>
    </tr>
  );
}
