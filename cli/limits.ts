// Every bound of the command line: how long a request may take, how much is read, how often something is repeated. The reason stands beside each value.

const SECOND_MS = 1000;

export const LIMITS = {
  /** How long a request to the router or an origin may take, with its body: far longer than a healthy one needs. `--timeout` changes that, up to the most. */
  requestMs: 10 * SECOND_MS,
  requestMostMs: 300 * SECOND_MS,
  /** The longest answer that is read. A fleet at all of its limits has 16 MiB of hints and 10,000 replicas. */
  answerBytes: 64 * 1024 * 1024,
  /** Pages of `apps`, of 1,000 apps each. More than that nobody reads. */
  pages: 100,
  /** How often `--watch` and `--follow` ask. */
  watchMs: 2 * SECOND_MS,
  /** The largest difference between this machine's clock and the router's. Replicas refuse a signature at 300 s; at 60 s somebody's clock is not kept. */
  clockMs: 60 * SECOND_MS,
  /** What is shown of a text that the router did not write, in characters. */
  shownText: 200,
} as const;
