// The bound that figures are compared with: one queue, first come first served, on servers where loads cost nothing. Run it in a world
// whose loads take no time.
import type { MakeRouter } from "../router.ts";

export const ideal: MakeRouter = (actions, { replicas, concurrency }) => {
  const queue: number[] = [];
  const at = new Map<number, number>();
  const free = Array.from({ length: replicas }, () => concurrency);
  const drain = () => {
    while (queue.length > 0) {
      const replica = free.findIndex((slots) => slots > 0);
      const id = queue[0];
      if (replica < 0 || id === undefined) return;
      queue.shift();
      free[replica] = (free[replica] ?? 0) - 1;
      at.set(id, replica);
      actions.send(id, replica);
    }
  };
  return {
    report() {},
    arrive({ id }) {
      queue.push(id);
      drain();
    },
    answered() {},
    finished(id) {
      const replica = at.get(id) ?? 0;
      free[replica] = (free[replica] ?? 0) + 1;
      at.delete(id);
      drain();
    },
    brokeOff() {
      throw new Error("the ideal queue knows no failures");
    },
    failed() {
      throw new Error("the ideal queue knows no failures");
    },
    tick() {},
    nextEventMs: () => Infinity,
  };
};
