// What must hold of a fleet at every moment, computed by brute force from the records alone.
import { isEjected, isReady, isWarm, loadOf, type Fleet, type Replica } from "../../../src/routing/fleet.ts";

const name = (replica: Replica) => `${replica.id}@${replica.incarnation}`;
const sorted = (names: Iterable<string>) => [...names].toSorted();

/** The indexes as they are and as they should be, to be compared as one. */
export function indexes(fleet: Fleet): { readonly held: unknown; readonly due: unknown } {
  const replicas = [...fleet.replicas.values()];
  const holders = new Map<string, string[]>();
  for (const replica of replicas) {
    const hints = new Set([...(replica.advertised ?? []), ...replica.loading.keys()]);
    for (const hint of hints) holders.set(hint, [...(holders.get(hint) ?? []), name(replica)]);
  }
  const advertised = replicas.flatMap((replica) => [...(replica.advertised ?? [])]);
  const free = replicas.filter((replica) => isReady(replica) && loadOf(replica) < replica.concurrency);
  const records = new Set([...replicas, ...fleet.grants.values().map((grant) => grant.replica)]);
  return {
    held: {
      free: sorted([...fleet.free].map(name)),
      holders: sorted([...fleet.holders].map(([hint, its]) => `${hint}: ${sorted([...its].map(name)).join(" ")}`)),
      advertisedHints: fleet.advertisedHints,
      advertisedText: fleet.advertisedText,
      grants: sorted([...fleet.grants].map(([id, grant]) => `${id}=${grant.id} ${name(grant.replica)}`)),
      ejectedStrangers: [...fleet.ejected].filter((replica) => fleet.replicas.get(replica.id) !== replica).map(name),
      ejectedUnlisted: [],
      liveAndDeparted: [],
      unclaimedBelowZero: [],
    },
    due: {
      free: sorted(free.map(name)),
      holders: sorted([...holders].map(([hint, its]) => `${hint}: ${sorted(its).join(" ")}`)),
      advertisedHints: advertised.length,
      advertisedText: advertised.join("").length,
      grants: sorted([...records].flatMap((record) => [...record.grants].map(([id]) => `${id}=${id} ${name(record)}`))),
      ejectedStrangers: [],
      ejectedUnlisted: replicas.filter((replica) => isEjected(replica, replica.ejectedUntilMs - 1) && !wasSwept(fleet, replica)).map(name),
      liveAndDeparted: [...fleet.replicas.keys()].filter((id) => fleet.departed.has(id)),
      unclaimedBelowZero: replicas.filter((replica) => replica.unclaimed < 0).map(name),
    },
  };
}
