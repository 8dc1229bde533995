// Room for what requests of this isolate keep for a second attempt: bodies, and answers that may be replaced.
import { BOUNDS } from "../limits.ts";
import { keepAlive, Room } from "./room.ts";

const room = new Room(BOUNDS.keptBytesPerIsolate, BOUNDS.leaseMs);

/** Room for so many bytes until it is given back, or the request is no more; null: there is none. */
export function takeRoom(bytes: number): (() => void) | null {
  const share = room.take(bytes, Date.now());
  return share === null ? null : keepAlive(room, share);
}
