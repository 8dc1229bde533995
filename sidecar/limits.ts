// Every bound of the sidecar: how often it asks its server, how long it waits, how much it reads. The reason stands beside each value.

const SECOND_MS = 1000;
const MEBIBYTE = 1024 * 1024;

export const LIMITS = {
  /** How often the server is asked, unless its adapter or --poll says otherwise: a model that was loaded or evicted is known a second later. */
  pollMs: SECOND_MS,
  pollLeastMs: 0.1 * SECOND_MS,
  pollMostMs: 60 * SECOND_MS,
  /** The same for what costs a process or many requests each time. */
  slowPollMs: 5 * SECOND_MS,
  /** How long the server may take for all that one look asks. --server-timeout changes it, up to the most. */
  lookMs: 5 * SECOND_MS,
  lookMostMs: 60 * SECOND_MS,
  /** How long a load by the router's advice may take: models of a hundred gigabytes take minutes from a disk. */
  preloadMs: 15 * 60 * SECOND_MS,
  /** The longest answer that is read: metrics of a busy vLLM have some hundred kilobytes, a history of ComfyUI's workflows a few megabytes. */
  answerBytes: 16 * MEBIBYTE,
  /** Bytes of a command's output. 256 hints of 512 characters fit. */
  commandBytes: MEBIBYTE,
  /** Looks in a row without a usable answer after which the server counts as down. One slow answer is none; a refused connection is at once. */
  looksToDown: 2,
  /** Pages of TorchServe's list, of 100 models each, and how many models it describes at once. */
  pages: 10,
  pageSize: 100,
  asksAtOnce: 8,
  /** Models of which anything is kept: as many as a heartbeat may have hints. */
  models: 256,
  /** Prompts of ComfyUI's history that are read, the latest. */
  prompts: 64,
  /** Requests at once that are taken where neither the server nor --concurrency says it: of a server that batches, and of any other. */
  batchConcurrency: 32,
  concurrency: 1,
  /** The most that the router takes. */
  concurrencyMost: 10_000,
  /** How long a drain waits, unless --drain says otherwise, and the most. */
  drainMs: 30 * SECOND_MS,
  drainMostMs: 3600 * SECOND_MS,
  /** How long a server must be idle in a drain: a request that was just sent may not have reached it. */
  idleMs: SECOND_MS,
  /** What is shown of a text that the server wrote, in characters. */
  shownText: 200,
} as const;
