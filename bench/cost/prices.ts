// Cloudflare's list prices on the Workers Paid plan, in US dollars a month, and how Cloudflare counts. This is the only place that holds a price. Sources
// are pages of Cloudflare's documentation; `read` is when a page said so. Contracts may differ.

export interface Price {
  readonly item: string;
  readonly unit: string;
  /** What an account may use each month before it pays. */
  readonly included: number;
  /** Dollars for so many units (`per`) beyond that. */
  readonly dollars: number;
  readonly per: number;
  readonly source: string;
  readonly read: string;
}

const MILLION = 1e6;
const WORKERS = "https://developers.cloudflare.com/workers/platform/pricing/";
const OBJECTS = "https://developers.cloudflare.com/durable-objects/platform/pricing/";
const LOGS = "https://developers.cloudflare.com/observability/pricing/";
const read = "2026-11-27";

export const PRICES = {
  plan: { item: "Workers Paid plan", unit: "months", included: 0, dollars: 5, per: 1, source: WORKERS, read },
  workerRequests: {
    item: "Worker requests",
    unit: "requests",
    included: 10e6,
    dollars: 0.3,
    per: MILLION,
    source: WORKERS,
    read,
  },
  workerCpu: { item: "Worker CPU", unit: "ms", included: 30e6, dollars: 0.02, per: MILLION, source: WORKERS, read },
  objectRequests: {
    item: "Object requests",
    unit: "requests",
    included: 1e6,
    dollars: 0.15,
    per: MILLION,
    source: OBJECTS,
    read,
  },
  objectDuration: {
    item: "Object duration",
    unit: "GB-s",
    included: 400_000,
    dollars: 12.5,
    per: MILLION,
    source: OBJECTS,
    read,
  },
  rowsRead: { item: "Rows read", unit: "rows", included: 25e9, dollars: 0.001, per: MILLION, source: OBJECTS, read },
  rowsWritten: { item: "Rows written", unit: "rows", included: 50e6, dollars: 1, per: MILLION, source: OBJECTS, read },
  stored: { item: "Rows stored", unit: "GB-month", included: 5, dollars: 0.2, per: 1, source: OBJECTS, read },
  /** Since 2026-12-01. Before: 20 million events included, then $0.60 a million. */
  logsWritten: { item: "Logs written", unit: "GB", included: 50, dollars: 0.25, per: 1, source: LOGS, read },
  logsKept: { item: "Logs kept", unit: "GB-month", included: 12, dollars: 0.1, per: 1, source: LOGS, read },
} as const satisfies Record<string, Price>;

export type Priced = keyof typeof PRICES;

/** How Cloudflare counts. */
export const COUNTED = {
  /** The month of Cloudflare's own examples. */
  monthSeconds: 30 * 86_400,
  /** Incoming WebSocket messages that count as one request to an object. Outgoing ones are free. Source: OBJECTS, note 2. */
  messagesARequest: 20,
  /** GB that an active object counts for, whatever it uses: 128 MB. Source: OBJECTS, note 5. */
  objectGb: 0.128,
  /** GB of an object's empty database. Source: https://developers.cloudflare.com/durable-objects/reference/faq/ */
  databaseGb: 12e-6,
  /** GB of an event in Workers Logs on average: 4.84 KB. Source: https://developers.cloudflare.com/observability/logs/datasets/ */
  logEventGb: 4.84e-6,
  /** For how many days events are kept. Source: LOGS. */
  logDays: 7,
  monthDays: 30,
} as const;
