// Answers that a test holds back and lets go, one at a time and oldest first, so that slots are taken for as long as the test says.
import type { ServerResponse } from "node:http";
import type { Answer } from "./replica.ts";

export interface HeldAnswers {
  readonly answer: Answer;
  /** Requests that wait to be let go. */
  readonly holding: number;
  /** Answers the oldest request held. */
  releaseOne(): void;
  /** Answers all that are held, and from now on every request at once. */
  releaseAll(): void;
}

/** By default each request is answered with 200 and no body when it is let go. */
export function holdAnswers(finish: (response: ServerResponse) => void = (response) => response.end()): HeldAnswers {
  const held: ServerResponse[] = [];
  let open = false;
  const letGo = (response: ServerResponse | undefined) => {
    if (response !== undefined && !response.destroyed) finish(response);
  };
  return {
    answer: (_request, response) => {
      if (open) return letGo(response);
      held.push(response);
      response.on("close", () => {
        const place = held.indexOf(response);
        if (place >= 0) held.splice(place, 1);
      });
    },
    get holding() {
      return held.length;
    },
    releaseOne: () => letGo(held.shift()),
    releaseAll: () => {
      open = true;
      for (const response of held.splice(0)) letGo(response);
    },
  };
}
