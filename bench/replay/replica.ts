// The simulated replica as a real HTTP server: the same loads, evictions and slots, on real timers. Clients say in the body what a request
// needs; the answer comes when it is served, with what the replica now holds.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { SimulatedReplica, type Job, type ReplicaOptions } from "../simulate/replica.ts";

/** What the client asks for. */
export interface Asked {
  readonly hint: string;
  readonly serviceMs: number;
}

/** What the request found: its hint loaded, not there, or being loaded. */
export type Found = "warm" | "load" | "joined";

export const FOUND_HEADER = "x-replay-found";
/** How long the replica had the request. */
export const HELD_HEADER = "x-replay-held-ms";

export interface HttpReplica extends AsyncDisposable {
  readonly origin: string;
  /** What it says it holds; loads in progress are not among it. */
  readonly hints: () => readonly string[];
  readonly inFlight: () => number;
  /** Times a request was there while as many as its concurrency were served: the router's fault. */
  readonly overfull: () => number;
}

interface Work {
  readonly response: ServerResponse;
  readonly acceptedAtMs: number;
  found: Found;
}

/** `heedsAdvice`: what the router advises to evict goes first. */
export async function startReplica(options: ReplicaOptions, heedsAdvice: boolean): Promise<HttpReplica> {
  const works = new Map<number, Work>();
  const timers = new Set<NodeJS.Timeout>();
  let accepted = 0;
  let overfull = 0;

  const at = (atMs: number, what: () => void) => {
    const timer = setTimeout(
      () => {
        timers.delete(timer);
        what();
      },
      Math.max(0, atMs - performance.now()),
    );
    timers.add(timer);
  };
  const mark = ({ id }: Job, found: Found) => {
    const work = works.get(id);
    if (work !== undefined) work.found = found;
  };
  const replica = new SimulatedReplica(options, {
    starts() {},
    runs: (job, untilMs) => at(untilMs, () => over(job)),
    loads(hint, job, untilMs) {
      mark(job, "load");
      at(untilMs, () => replica.loadDone(hint, untilMs));
    },
    joinsLoad: (job) => mark(job, "joined"),
  });

  function over(job: Job): void {
    const work = works.get(job.id);
    works.delete(job.id);
    replica.finish(job, performance.now());
    work?.response
      .writeHead(200, {
        "content-type": "text/plain",
        "content-length": "2",
        "x-fal-runner-hints": replica.loaded().join(","),
        [FOUND_HEADER]: work.found,
        [HELD_HEADER]: (performance.now() - work.acceptedAtMs).toFixed(1),
      })
      .end("ok");
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const acceptedAtMs = performance.now();
    const { hint, serviceMs } = (await json(request)) as Asked;
    const advice = request.headers["x-warmpath-evict"];
    const evict = heedsAdvice && typeof advice === "string" ? advice : null;
    const job: Job = { id: accepted++, hint, serviceMs, evict };
    if (works.size >= options.concurrency) overfull++;
    works.set(job.id, { response, acceptedAtMs, found: "warm" });
    replica.accept(job, performance.now());
  }

  const server = createServer((request, response) => {
    // A client that breaks off does not stop a GPU: what was begun runs to its end, and nobody reads the answer.
    response.on("error", () => {});
    serve(request, response).catch(() => response.destroy());
  });
  // The router keeps idle connections; one that is closed just as a request is sent would look like a dead replica.
  server.keepAliveTimeout = 0;
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    hints: () => replica.loaded(),
    inFlight: () => works.size,
    overfull: () => overfull,
    async [Symbol.asyncDispose]() {
      for (const timer of timers) clearTimeout(timer);
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
