// fal's routing hints as documented: "If no matching runner is available or all matching runners are busy, the request goes to any
// available runner without waiting." (docs.fal.ai/documentation/development/advanced/optimize-routing-behavior). So no request waits for a
// warm replica while another is free. fal's router is not public, so two things are assumed. If no replica is free, requests wait in one
// line, first come first served, and the first goes to a replica that frees, of several to one that matches. "Any" is each in turn.
import { Baseline, isFree } from "./baseline.ts";

export class Fal extends Baseline {
  #last = -1;

  protected dispatch(nowMs: number): void {
    for (let head = this.line[0]; head !== undefined; head = this.line[0]) {
      const { hint } = head;
      const free = this.live(nowMs).filter(isFree);
      const any = free.find(({ index }) => index > this.#last) ?? free[0];
      const replica = free.find(({ hints }) => hints.has(hint)) ?? any;
      if (replica === undefined) return;
      if (replica === any) this.#last = replica.index;
      this.send(head, replica);
    }
  }
}
