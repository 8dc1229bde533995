// A process of its own, so that nothing else is in its memory: prints what each part of a full fleet takes.
import { fullFleet } from "./full-fleet.ts";

function usedBytes(): number {
  if (globalThis.gc === undefined) throw new Error("this needs --expose-gc");
  for (let round = 0; round < 3; round++) globalThis.gc();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

const [share = 1, hintLength = 32] = process.argv.slice(2).map(Number);
let before = usedBytes();
for (const { name, fill } of fullFleet(share, hintLength, Date.now())) {
  const count = fill();
  const now = usedBytes();
  console.log(JSON.stringify({ part: name, count, mb: Math.round((now - before) / 10_000) / 100 }));
  before = now;
}
