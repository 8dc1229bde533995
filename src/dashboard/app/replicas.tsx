// The replicas, a page of them at a time, and what may be done to each.
import type { ReplicaView } from "../../views/replica.ts";
import { REPLICA_ORDERS, type ReplicaOrder, type ReplicaPage } from "../../views/replica-page.ts";
import { seconds, whole } from "../format.ts";
import { Hints, Meter, Table } from "../parts.tsx";
import type { PageQuery } from "./page-query.ts";

const ORDER_NAMES: Readonly<Record<ReplicaOrder, string>> = { name: "name", load: "fullest first", trouble: "trouble first" };

interface Props {
  readonly page: ReplicaPage;
  readonly query: PageQuery;
}

export function Replicas({ page: { replicas, found, page, pages }, query }: Props) {
  return (
    <section id="replicas" aria-labelledby="replicas-title">
      <h2 id="replicas-title">
        Replicas <span class="count">{whole(found)}</span>
      </h2>
      <form class="filter" action="#replicas" role="search" aria-label="Replicas">
        <Kept query={query} but={["find", "order", "page"]} />
        <label>
          Name, origin or hint <input type="search" name="find" value={query.find} maxlength={100} />
        </label>
        <label>
          Order{" "}
          <select name="order">
            {REPLICA_ORDERS.map((order) => (
              <option value={order} selected={order === query.order}>
                {ORDER_NAMES[order]}
              </option>
            ))}
          </select>
        </label>
        <button type="submit">Show</button>
      </form>
      {found === 0 ? (
        <p class="empty">{query.find === "" ? "The app has no replicas now." : `No replica mentions “${query.find}”.`}</p>
      ) : (
        <Table label="Replicas" heads={["Replica", "State", "Load", "Holds", ["Served"], "Change"]}>
          {replicas.map((replica) => (
            <Row replica={replica} />
          ))}
        </Table>
      )}
      {pages > 1 && <Pages page={page} pages={pages} query={query} />}
    </section>
  );
}

function Row({ replica: its }: { readonly replica: ReplicaView }) {
  const state = stateOf(its);
  return (
    <tr id={`replica-${its.replica}`}>
      <th scope="row">
        {its.replica}
        <span class="origin">{its.origin}</span>
      </th>
      <td>
        <span class={`state ${state.kind}`}>{state.text}</span>
        {its.last_error !== null && <span class="note">{`last failure: ${its.last_error.detail}`}</span>}
      </td>
      <td class="load">
        <Meter value={its.in_flight} most={its.concurrency} label={`${its.in_flight} of ${its.concurrency} slots busy`} />
        <span>{`${its.in_flight} / ${its.concurrency}`}</span>
      </td>
      <td>
        {its.hints === null ? <em>has not said</em> : <Hints hints={its.hints} />}
        {its.loading.length > 0 && (
          <span class="loading">
            loads <Hints hints={its.loading} />
          </span>
        )}
        <span class="note">{its.hint_slots === null ? "" : `${its.hints_held} of ${its.hint_slots} places`}</span>
      </td>
      <td class="number">{whole(its.served)}</td>
      <td class="actions">
        <Change replica={its.replica} change={its.drained ? "undrain" : "drain"} />
        <Change replica={its.replica} change="remove" />
      </td>
    </tr>
  );
}

/** Opens the dialog that asks first. */
function Change({ replica, change }: { readonly replica: string; readonly change: "drain" | "undrain" | "remove" }) {
  const word = `${change.charAt(0).toUpperCase()}${change.slice(1)}`;
  return (
    <button type="button" data-do={change} data-replica={replica} aria-label={`${word} ${replica}`} aria-haspopup="dialog">
      {word}
    </button>
  );
}

function stateOf(its: ReplicaView): { readonly kind: "good" | "warn" | "bad" | "off"; readonly text: string } {
  if (its.status !== "ready") return { kind: "off", text: its.status };
  if (its.drained) return { kind: "off", text: "drained" };
  // By the minute, so that the row does not change with every second.
  if (its.ejected_for_ms > 0)
    return { kind: "bad", text: `ejected, at most ${seconds(Math.ceil(its.ejected_for_ms / 60_000) * 60)}` };
  return its.on_probation ? { kind: "warn", text: "on probation" } : { kind: "good", text: "ready" };
}

function Pages({ page, pages, query }: { readonly page: number; readonly pages: number; readonly query: PageQuery }) {
  return (
    <nav class="pages" aria-label="Pages of replicas">
      {page > 1 && <a href={addressOf({ ...query, page: page - 1 })}>Previous</a>}
      <span>{`Page ${page} of ${pages}`}</span>
      {page < pages && <a href={addressOf({ ...query, page: page + 1 })}>Next</a>}
    </nav>
  );
}

function addressOf(query: PageQuery): string {
  return `?${new URLSearchParams(parametersOf(query)).toString()}#replicas`;
}

/** What the address asks beside the form's own fields. */
export function Kept({ query, but }: { readonly query: PageQuery; readonly but: readonly string[] }) {
  const kept = parametersOf(query).filter(([name]) => !but.includes(name));
  return (
    <>
      {kept.map(([name, value]) => (
        <input type="hidden" name={name} value={value} />
      ))}
    </>
  );
}

function parametersOf({ order, find, page, asked }: PageQuery): [name: string, value: string][] {
  const all: Record<string, string | null> = {
    order: order === "name" ? null : order,
    find: find === "" ? null : find,
    page: page === 1 ? null : String(page),
    explain: asked,
  };
  return Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== null);
}
