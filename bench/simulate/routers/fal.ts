// fal's routing hints as documented: "If no matching runner is available or all matching runners are busy, the request goes to any
// available runner without waiting." (docs.fal.ai/documentation/development/advanced/optimize-routing-behavior). So never a wait for a
// warm replica while another is free. Its router is not public, so two things are assumed: with none free, one line, first come first
// served, whose head goes to a replica that frees, of several to one that matches; and "any" is each in turn, fal's default.
import type { MakeRouter } from "../router.ts";
import { isFree, withPolicy } from "./fleet-view.ts";

export const fal: MakeRouter = (actions, options) =>
  withPolicy(actions, options, (fleet) => {
    let last = -1;
    return {
      dispatch(nowMs) {
        for (let head = fleet.line[0]; head !== undefined; head = fleet.line[0]) {
          const { hint } = head;
          const free = fleet.live(nowMs).filter(isFree);
          const any = free.find(({ index }) => index > last) ?? free[0];
          const replica = free.find(({ hints }) => hints.has(hint)) ?? any;
          if (replica === undefined) return;
          if (replica === any) last = replica.index;
          fleet.send(head, replica, nowMs);
        }
      },
    };
  });
