// The figures that say at a glance how the app does.
import type { Child } from "hono/jsx";
import type { DashboardView } from "../../views/dashboard.ts";
import { counted, seconds, secondsOrDash, share, whole } from "../format.ts";
import { lastMinutes, sumOf } from "./minutes.ts";

/** How far back "lately" goes. */
const LATELY_MINUTES = 5;

export function Summary({ view }: { readonly view: DashboardView }) {
  const { replicas, slots, queue } = view.gauges;
  const all = Object.values(replicas).reduce((sum, count) => sum + count, 0);
  const waiting = Object.values(queue).reduce((sum, count) => sum + count, 0);
  const { minutes } = view.history;
  const requests = sumOf(minutes, ({ requests }) => requests);
  const warm = sumOf(minutes, ({ warm }) => warm);
  const lost = sumOf(minutes, ({ load_seconds }) => load_seconds);
  const lately = lastMinutes(minutes, LATELY_MINUTES).map(({ wait_p95_s }) => wait_p95_s ?? 0);
  const troubled = replicas.ejected + replicas.probation;
  return (
    <section id="summary" aria-label="At a glance">
      <dl class="tiles">
        <Tile
          name="Replicas ready"
          value={`${whole(replicas.ready)} of ${whole(all)}`}
          state={replicas.ready === 0 ? "bad" : null}
        >
          {all === 0 ? "none there now" : notReady(replicas)}
        </Tile>
        <Tile name="Failing" value={whole(troubled)} state={troubled > 0 ? "bad" : null}>
          {troubled > 0 ? `${replicas.ejected} ejected, ${replicas.probation} on probation` : "none ejected"}
        </Tile>
        <Tile name="Slots busy" value={`${whole(slots.busy)} of ${whole(slots.busy + slots.free)}`} state={null}>
          {share(slots.busy, slots.busy + slots.free)}
        </Tile>
        <Tile name="Waiting" value={whole(waiting)} state={waiting > slots.busy + slots.free ? "warn" : null}>
          {waiting === 0 ? "nobody waits" : `${queue.high} high, ${queue.normal} normal, ${queue.low} low`}
        </Tile>
        <Tile name="Found warm" value={share(warm, requests)} state={null}>
          {`of ${counted(requests, "request")} in the last hour`}
        </Tile>
        <Tile name="GPU time lost to loads" value={seconds(lost)} state={null}>
          {requests === 0 ? "in the last hour" : `${seconds(lost / requests)} a request, last hour`}
        </Tile>
        <Tile name="95 % waited less than" value={lately.length === 0 ? "–" : secondsOrDash(Math.max(...lately))} state={null}>
          {`worst of the last ${LATELY_MINUTES} minutes`}
        </Tile>
      </dl>
    </section>
  );
}

interface TileProps {
  readonly name: string;
  readonly value: string;
  readonly state: "bad" | "warn" | null;
  readonly children?: Child;
}

function Tile({ name, value, state, children }: TileProps) {
  return (
    <div class={state === null ? "tile" : `tile ${state}`}>
      <dt>{name}</dt>
      <dd>
        <strong>{value}</strong>
        <span>{children}</span>
      </dd>
    </div>
  );
}

function notReady(replicas: DashboardView["gauges"]["replicas"]): string {
  const { starting, draining, drained } = replicas;
  const parts = Object.entries({ starting, draining, drained }).filter(([, count]) => count > 0);
  return parts.length === 0 ? "all that beat" : parts.map(([state, count]) => `${count} ${state}`).join(", ");
}
