// The last hour, a point a minute: as charts that the script draws, and as a table.
import type { HistoryView, MinuteView } from "../../views/history.ts";
import { counted, secondsOrDash, seconds, share, whole } from "../format.ts";
import { Data, Moment, Table } from "../parts.tsx";
import type { HistoryData } from "../drawn/charts.ts";
import { sumOf } from "./minutes.ts";

export function History({ history: { minutes } }: { readonly history: HistoryView }) {
  const data = dataOf(minutes);
  return (
    <section id="history" aria-labelledby="history-title">
      <h2 id="history-title">The last hour</h2>
      <div class="charts">
        {data.charts.map(({ title }, index) => (
          <figure>
            <figcaption id={`chart-${index}`}>{title}</figcaption>
            <div class="chart" data-keep="" data-chart={index} role="img" aria-label={`${title}. ${inWords(title, minutes)}`} />
          </figure>
        ))}
      </div>
      <Data value={data} />
      <details>
        <summary>The same as a table</summary>
        <Table
          label="The last hour by minute"
          heads={[
            "Minute",
            ["Requests"],
            ["Warm"],
            ["Loads"],
            ["GPU time lost"],
            ["Median wait"],
            ["95 % wait"],
            ["Median service"],
            ["Refused"],
            ["Failed"],
          ]}
        >
          {[...minutes].reverse().map((minute) => (
            <tr>
              <th scope="row">
                <Moment atMs={minute.start_ms} />
              </th>
              <td class="number">{whole(minute.requests)}</td>
              <td class="number">{share(minute.warm, minute.requests)}</td>
              <td class="number">{whole(loadsOf(minute))}</td>
              <td class="number">{seconds(minute.load_seconds)}</td>
              <td class="number">{secondsOrDash(minute.wait_p50_s)}</td>
              <td class="number">{secondsOrDash(minute.wait_p95_s)}</td>
              <td class="number">{secondsOrDash(minute.service_p50_s)}</td>
              <td class="number">{whole(minute.refused)}</td>
              <td class="number">{whole(minute.failed)}</td>
            </tr>
          ))}
        </Table>
      </details>
    </section>
  );
}

function dataOf(minutes: readonly MinuteView[]): HistoryData {
  const line = (name: string, of: (minute: MinuteView) => number | null) => ({ name, values: minutes.map(of) });
  return {
    times: minutes.map(({ start_ms }) => start_ms / 1000),
    charts: [
      {
        title: "Requests a minute",
        unit: "requests",
        lines: [
          line("warm", ({ warm }) => warm),
          line("loads", loadsOf),
          line("refused or failed", ({ refused, failed }) => refused + failed),
        ],
      },
      {
        title: "Found warm",
        unit: "share",
        lines: [line("share", ({ warm, requests }) => (requests === 0 ? null : (100 * warm) / requests))],
      },
      {
        title: "Wait for a slot",
        unit: "seconds",
        lines: [line("median", ({ wait_p50_s }) => wait_p50_s), line("95 %", ({ wait_p95_s }) => wait_p95_s)],
      },
      { title: "GPU time lost to loads", unit: "seconds", lines: [line("a minute", ({ load_seconds }) => load_seconds)] },
    ],
  };
}

function loadsOf({ loads }: MinuteView): number {
  return Object.values(loads).reduce((sum, count) => sum + count, 0);
}

/** What a reader who does not see the chart is told. */
function inWords(title: string, minutes: readonly MinuteView[]): string {
  const requests = sumOf(minutes, ({ requests }) => requests);
  switch (title) {
    case "Requests a minute":
      return `${counted(requests, "request")}, ${counted(sumOf(minutes, loadsOf), "load")} in ${counted(minutes.length, "minute")}.`;
    case "Found warm":
      return `${share(
        sumOf(minutes, ({ warm }) => warm),
        requests,
      )} of all.`;
    case "Wait for a slot":
      return `In the last minute a median of ${secondsOrDash(minutes.at(-1)?.wait_p50_s ?? null)}.`;
    default:
      return `${seconds(sumOf(minutes, ({ load_seconds }) => load_seconds))} together.`;
  }
}
