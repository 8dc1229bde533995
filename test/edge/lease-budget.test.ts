// Leases of what an isolate has only so much of: given back, or ended when their request is no more.
import { expect, test } from "vitest";
import { LeaseBudget } from "../../src/edge/lease-budget.ts";

const LEASE_MS = 3000;

test("leases sum up to the capacity, and to no more", () => {
  const budget = new LeaseBudget(10, LEASE_MS);
  expect([budget.take(6, 0), budget.take(5, 0), budget.take(4, 0), budget.take(1, 0)].map((lease) => lease !== null)).toEqual([
    true,
    false,
    true,
    false,
  ]);
});

test("what is given back can be taken again, once", () => {
  const budget = new LeaseBudget(10, LEASE_MS);
  const lease = budget.take(10, 0);
  if (lease === null) throw new Error("no lease");
  budget.giveBack(lease);
  budget.giveBack(lease);
  expect(budget.take(10, 1)).not.toBeNull();
  expect(budget.take(1, 1)).toBeNull();
});

test("what nobody renews is free after its lease", () => {
  const budget = new LeaseBudget(10, LEASE_MS);
  budget.take(10, 0);
  expect(budget.take(1, LEASE_MS - 1)).toBeNull();
  expect(budget.take(10, LEASE_MS)).not.toBeNull();
});

test("what is renewed is kept, and its neighbours' leases end all the same", () => {
  const budget = new LeaseBudget(10, LEASE_MS);
  const [kept] = [budget.take(4, 0), budget.take(6, 0)];
  if (kept === null || kept === undefined) throw new Error("no lease");
  budget.renew(kept, 1000);
  expect(budget.take(6, LEASE_MS)).not.toBeNull();
  expect(budget.take(1, LEASE_MS)).toBeNull();
  expect(budget.take(4, LEASE_MS + 1000)).not.toBeNull();
});

test("a lease that is renewed too late counts again, whoever took its share", () => {
  const budget = new LeaseBudget(10, LEASE_MS);
  const late = budget.take(10, 0);
  const other = budget.take(10, LEASE_MS);
  if (late === null || other === null) throw new Error("no lease");
  budget.renew(late, LEASE_MS);
  budget.giveBack(other);
  expect(budget.take(1, LEASE_MS)).toBeNull();
  budget.giveBack(late);
  expect(budget.take(10, LEASE_MS)).not.toBeNull();
});
