// What a strict client makes of all that the router says on one connection.
import { outcomeOf } from "../fuzz/outcome.ts";
import { ResponseReader } from "../fuzz/responses.ts";
import { exchange } from "./raw.ts";

/** Sends the text (Latin-1) and gives what each answer was, as in test/fuzz/input.ts. `head`: none has a body. Throws where bytes are left. */
export async function answersTo(port: number, text: string, head = false): Promise<string[]> {
  const reader = new ResponseReader();
  reader.push(Buffer.from(await exchange(port, text), "latin1"));
  const outcomes: string[] = [];
  for (let response = reader.next(head); response !== null; response = reader.next(head))
    outcomes.push(outcomeOf(response, head));
  if (reader.rest.length > 0) throw new Error(`more than whole answers: ${JSON.stringify(reader.rest.toString("latin1"))}`);
  return outcomes;
}
