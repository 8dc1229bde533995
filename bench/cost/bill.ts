// From what is used to dollars: what is included is free, and the rest costs its list price. Pure.
import { PRICES, type Price, type Priced } from "./prices.ts";
import { usageOf, type Heartbeats, type Plan, type Usage } from "./usage.ts";

export interface Line extends Price {
  readonly used: number;
  readonly billed: number;
  readonly cost: number;
}

export interface Bill {
  readonly lines: readonly Line[];
  readonly total: number;
}

export interface Alternative {
  readonly heartbeats: Heartbeats;
  readonly changing: number;
  readonly total: number;
  /** How much less it would be without heartbeats. */
  readonly forHeartbeats: number;
}

export function billOf(usage: Usage): Bill {
  const lines = (Object.keys(PRICES) as Priced[]).map((name): Line => {
    const price = PRICES[name];
    const billed = Math.max(0, usage[name] - price.included);
    return { ...price, used: usage[name], billed, cost: (billed / price.per) * price.dollars };
  });
  return { lines, total: lines.reduce((sum, { cost }) => sum + cost, 0) };
}

/** The same month by either kind of heartbeats, if no heartbeat writes a row, if as many do as the plan says, and if each does. */
export function alternativesTo(plan: Plan): Alternative[] {
  const shares = [...new Set([0, plan.changing, 1])].sort((a, b) => a - b);
  const without = billOf(usageOf({ ...plan, intervalS: Infinity })).total;
  return (["post", "websocket"] as const).flatMap((heartbeats) =>
    shares.map((changing) => {
      const { total } = billOf(usageOf({ ...plan, heartbeats, changing }));
      return { heartbeats, changing, total, forHeartbeats: total - without };
    }),
  );
}
