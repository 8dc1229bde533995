// Shares of what an isolate has only so much of: given back, or lost with the request that held them.
import { expect, test } from "vitest";
import { Room } from "../../src/edge/room.ts";

const LEASE_MS = 3000;

test("there is room for the capacity, and for no more", () => {
  const room = new Room(10, LEASE_MS);
  expect([room.take(6, 0), room.take(5, 0), room.take(4, 0), room.take(1, 0)].map((share) => share !== null)).toEqual([
    true,
    false,
    true,
    false,
  ]);
});

test("what is given back can be taken again, once", () => {
  const room = new Room(10, LEASE_MS);
  const share = room.take(10, 0);
  if (share === null) throw new Error("no room");
  room.giveBack(share);
  room.giveBack(share);
  expect(room.take(10, 1)).not.toBeNull();
  expect(room.take(1, 1)).toBeNull();
});

test("what nobody renews is free after its lease", () => {
  const room = new Room(10, LEASE_MS);
  room.take(10, 0);
  expect(room.take(1, LEASE_MS - 1)).toBeNull();
  expect(room.take(10, LEASE_MS)).not.toBeNull();
});

test("what is renewed is kept, and its neighbours' leases end all the same", () => {
  const room = new Room(10, LEASE_MS);
  const [kept] = [room.take(4, 0), room.take(6, 0)];
  if (kept === null || kept === undefined) throw new Error("no room");
  room.renew(kept, 1000);
  expect(room.take(6, LEASE_MS)).not.toBeNull();
  expect(room.take(1, LEASE_MS)).toBeNull();
  expect(room.take(4, LEASE_MS + 1000)).not.toBeNull();
});

test("a lease that is renewed too late counts again, whoever took its room", () => {
  const room = new Room(10, LEASE_MS);
  const late = room.take(10, 0);
  const other = room.take(10, LEASE_MS);
  if (late === null || other === null) throw new Error("no room");
  room.renew(late, LEASE_MS);
  room.giveBack(other);
  expect(room.take(1, LEASE_MS)).toBeNull();
  room.giveBack(late);
  expect(room.take(10, LEASE_MS)).not.toBeNull();
});
