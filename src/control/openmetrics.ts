// Metrics as OpenMetrics text (https://prometheus.io/docs/specs/om/open_metrics_spec/): the names and help texts of all of them in one table.
import type { Histogram } from "../routing/metrics/histogram.ts";
import type { FleetScrape } from "../views/gauges.ts";

/** The media type. */
export const OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8";

export interface ScrapedApp {
  readonly app: string;
  /** Null: the app's object did not answer. */
  readonly fleet: FleetScrape | null;
}

/** Labels beside `app`, and the value. */
type Sample = readonly [labels: Readonly<Record<string, string>>, value: number];

interface Numbers {
  readonly type: "counter" | "gauge";
  readonly unit?: "seconds";
  readonly help: string;
  readonly of: (fleet: FleetScrape) => readonly Sample[];
}

interface Buckets {
  readonly type: "histogram";
  readonly unit: "seconds";
  readonly help: string;
  readonly of: (fleet: FleetScrape) => Histogram;
}

/** By name without the suffix that its type gives. */
const FAMILIES: Readonly<Record<string, Numbers | Buckets>> = {
  warmpath_requests: {
    type: "counter",
    help: "Requests that were sent to a replica and are over, once for each replica that got them.",
    of: ({ metrics }) =>
      Object.entries(metrics.requests).flatMap(([reason, outcomes]) =>
        labelled(outcomes, "outcome", { reason }).filter(([{ outcome }, count]) => count > 0 || outcome === "success"),
      ),
  },
  warmpath_refusals: {
    type: "counter",
    help: "Requests that the router refused, in or before the queue.",
    of: ({ metrics }) => labelled(metrics.refusals, "reason"),
  },
  warmpath_retries: {
    type: "counter",
    help: "Requests that were let in again after a replica had failed them.",
    of: ({ metrics }) => [[{}, metrics.retries]],
  },
  warmpath_prewarms: {
    type: "counter",
    help: "Hints that clients announced.",
    of: ({ metrics }) => [[{}, metrics.prewarms]],
  },
  warmpath_advices: {
    type: "counter",
    help: "Loads of announced hints that replicas were advised to make.",
    of: ({ metrics }) => [[{}, metrics.advices]],
  },
  warmpath_ejections: {
    type: "counter",
    help: "Ejections of replicas.",
    of: ({ metrics }) => [[{}, metrics.ejections]],
  },
  warmpath_heartbeats: {
    type: "counter",
    help: "Well-formed heartbeats, by what the app's object made of them.",
    of: ({ metrics }) => labelled(metrics.heartbeats, "outcome"),
  },
  warmpath_loads: {
    type: "counter",
    help: "Loads of a hint that requests made replicas begin, by what the fleet held of it.",
    of: ({ metrics }) => labelled(metrics.loads, "kind"),
  },
  warmpath_gpu_load_seconds: {
    type: "counter",
    unit: "seconds",
    help: "Time of replicas that loads took which ended well.",
    of: ({ metrics }) => labelled(metrics.loadSeconds, "kind"),
  },
  warmpath_queue_wait_seconds: {
    type: "histogram",
    unit: "seconds",
    help: "From a request's arrival to its grant, without retries.",
    of: ({ metrics }) => metrics.queueWait,
  },
  warmpath_first_byte_seconds: {
    type: "histogram",
    unit: "seconds",
    help: "From a successful request's grant to its response headers, its load included.",
    of: ({ metrics }) => metrics.firstByte,
  },
  warmpath_service_seconds: {
    type: "histogram",
    unit: "seconds",
    help: "From a successful request's grant to its end.",
    of: ({ metrics }) => metrics.service,
  },
  warmpath_load_seconds: {
    type: "histogram",
    unit: "seconds",
    help: "How much later than expected of a warm request the response headers of a request came that had to load its hint.",
    of: ({ metrics }) => metrics.load,
  },
  warmpath_replicas: {
    type: "gauge",
    help: "Replicas, each in one state.",
    of: ({ replicas }) => labelled(replicas, "state"),
  },
  warmpath_slots: {
    type: "gauge",
    help: "Slots of replicas, each in one state.",
    of: ({ slots }) => labelled(slots, "state"),
  },
  warmpath_queue_length: {
    type: "gauge",
    help: "Requests that wait for a slot.",
    of: ({ queue }) => labelled(queue, "priority"),
  },
};

/** `truncated`: whether there are more apps than one scrape takes. */
export function openMetrics(apps: readonly ScrapedApp[], truncated: boolean): string {
  const lines: string[] = [];
  for (const [name, family] of Object.entries(FAMILIES)) {
    describe(lines, name, family);
    for (const { app, fleet } of apps) {
      if (fleet === null) continue;
      if (family.type === "histogram") addHistogram(lines, name, app, family.of(fleet));
      else for (const [labels, value] of family.of(fleet)) add(lines, sampleName(name, family.type), { app, ...labels }, value);
    }
  }
  describe(lines, "warmpath_scrape_errors", { type: "gauge", help: "1 if the app's object did not answer this scrape." });
  for (const { app, fleet } of apps) add(lines, "warmpath_scrape_errors", { app }, fleet === null ? 1 : 0);
  describe(lines, "warmpath_scrape_truncated", { type: "gauge", help: "1 if there are more apps than one scrape takes." });
  add(lines, "warmpath_scrape_truncated", {}, truncated ? 1 : 0);
  return `${lines.join("\n")}\n# EOF\n`;
}

function sampleName(family: string, type: "counter" | "gauge"): string {
  return type === "counter" ? `${family}_total` : family;
}

function labelled(
  counts: Readonly<Record<string, number>>,
  label: string,
  also: Readonly<Record<string, string>> = {},
): Sample[] {
  return Object.entries(counts).map(([name, count]) => [{ ...also, [label]: name }, count]);
}

function describe(lines: string[], name: string, { type, unit, help }: { type: string; unit?: string; help: string }): void {
  lines.push(`# TYPE ${name} ${type}`);
  if (unit !== undefined) lines.push(`# UNIT ${name} ${unit}`);
  lines.push(`# HELP ${name} ${help}`);
}

function addHistogram(lines: string[], name: string, app: string, { bounds, counts, sum }: Histogram): void {
  let below = 0;
  for (const [bucket, count] of counts.entries()) {
    below += count;
    const bound = bounds[bucket];
    const le = bound === undefined ? "+Inf" : Number.isInteger(bound) ? `${bound}.0` : String(bound);
    add(lines, `${name}_bucket`, { app, le }, below);
  }
  add(lines, `${name}_count`, { app }, below);
  add(lines, `${name}_sum`, { app }, sum);
}

function add(lines: string[], name: string, labels: Readonly<Record<string, string>>, value: number): void {
  const text = Object.entries(labels).map(([label, its]) => `${label}="${escaped(its)}"`);
  lines.push(`${name}${text.length > 0 ? `{${text.join(",")}}` : ""} ${value}`);
}

function escaped(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
