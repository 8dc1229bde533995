// The input of a batch that is to blame, made as small as it can be while the fault still shows.
import type { Input } from "./input.ts";
import { Lane, type Result } from "./lane.ts";
import { World } from "./world.ts";

export interface Culprit {
  readonly bytes: Buffer;
  readonly allowed: readonly string[];
}

/** Runs of the router that making it smaller may take, about 0.4 s each. */
const TRIES = 40;

/** Null where no input shows the fault alone. */
export async function smallest(fault: string, inputs: readonly Input[], triesMost = TRIES): Promise<Culprit | null> {
  let suspects = inputs;
  while (suspects.length > 1) {
    const half = suspects.slice(0, Math.ceil(suspects.length / 2));
    suspects = (await shows(fault, half)) ? half : suspects.slice(half.length);
  }
  const [input] = suspects;
  if (input === undefined || !(await shows(fault, [input]))) return null;
  let { bytes } = input;
  let tries = triesMost;
  for (let size = bytes.length >> 1; size > 0 && tries > 0; size >>= 1) {
    for (let at = 0; at < bytes.length && tries > 0; tries--) {
      const less = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + size)]);
      if (await shows(fault, [{ ...input, bytes: less, alone: true }])) bytes = less;
      else at += size;
    }
  }
  return { bytes, allowed: input.allowed };
}

async function shows(fault: string, inputs: readonly Input[]): Promise<boolean> {
  await using world = await World.start();
  const lane = new Lane(world.router.port);
  const results: Result[] = [];
  try {
    await lane.send(inputs, (result) => results.push(result));
  } catch {
    // The router has ended: the faults say so.
  }
  lane.close();
  return (await world.faults(results)).includes(fault);
}
