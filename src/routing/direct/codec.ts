// The image of a fleet as bytes for an isolate: the whole of it, or what has changed since the version that the isolate has. In both: names of hints,
// rows that changed, rows whose replica left, loads that changed in other rows. Rows and names go by rising number, of which the gaps are written.
import { LIMITS } from "../limits.ts";
import { BadBytes, Reader, Writer, type Before } from "./bytes.ts";
import type { FleetImage, Row } from "./snapshot.ts";

const FORMAT = 1;

/** The image that an isolate has. */
export interface Known {
  readonly epoch: number;
  readonly version: number;
}

/** A row as it was sent. */
export interface SentRow extends Pick<Row, "id" | "incarnation" | "origin" | "concurrency" | "open" | "hints" | "load"> {
  readonly row: number;
}

export interface Sent extends Known {
  /** To be applied to that version; null: it is the whole. */
  readonly since: number | null;
  readonly serviceMs: number;
  readonly names: readonly { readonly index: number; readonly name: string }[];
  readonly rows: readonly SentRow[];
  readonly left: readonly number[];
  readonly loads: readonly { readonly row: number; readonly load: number }[];
}

/** What an object sends to isolates. The whole is kept until the image is compared with the fleet again: a restarted object is asked for it by every isolate. */
export class SnapshotEncoder {
  #whole: { readonly comparedAtMs: number; readonly bytes: Uint8Array<ArrayBuffer> } | null = null;

  /** `known`: what the isolate has; null: nothing. O(rows). */
  encode(image: FleetImage, known: Known | null): Uint8Array<ArrayBuffer> {
    const { epoch, version, comparedAtMs } = image;
    if (known !== null && known.epoch === epoch && known.version <= version) return encodeSince(image, known.version);
    if (this.#whole?.comparedAtMs !== comparedAtMs) this.#whole = { comparedAtMs, bytes: encodeSince(image, null) };
    return this.#whole.bytes;
  }
}

function encodeSince({ epoch, version, serviceMs, rows, names }: FleetImage, since: number | null): Uint8Array<ArrayBuffer> {
  const after = since ?? -1;
  const writer = new Writer();
  for (const value of [FORMAT, epoch, version, after + 1, serviceMs]) writer.number(value);
  const wanted = numbersOf(names, ({ users, namedAt }) => users > 0 && namedAt > after);
  const [name, id, origin] = [before(), before(), before()];
  writeRising(writer, wanted, (index) => writer.text(names[index]!.name, name));
  const changed = numbersOf(rows, (row) => row.id !== null && row.changedAt > after);
  writeRising(writer, changed, (index) => {
    const row = rows[index] as Row;
    writer.text(row.id, id);
    // Where an origin has the id in its name, the origins of a fleet differ in nothing else.
    writer.text(row.origin.replace(row.id, ID), origin);
    writer.number(row.incarnation);
    writer.number(2 * row.concurrency + (row.open ? 1 : 0));
    writer.number(row.load);
    writeRising(writer, row.hints, () => {});
  });
  const left = since === null ? [] : numbersOf(rows, (row) => row.id === null && row.changedAt > after);
  writeRising(writer, left, () => {});
  const loaded = numbersOf(rows, (row) => row.id !== null && row.changedAt <= after && row.loadAt > after);
  writeRising(writer, loaded, (index) => writer.number((rows[index] as Row).load));
  return writer.finish();
}

/** Throws `BadBytes` if the bytes are not those of an encoder. Whether they fit what the isolate has is seen when they are applied (copy.ts). */
export function decode(bytes: Uint8Array): Sent {
  const reader = new Reader(bytes);
  if (reader.number() !== FORMAT) throw new BadBytes("an unknown format");
  const [epoch, version, from, serviceMs] = [reader.number(), reader.number(), reader.number(), reader.number()];
  const [name, id, origin] = [before(), before(), before()];
  const names = readRising(reader, NAMES_MOST, (index) => ({ index, name: reader.text(name) }));
  const rows = readRising(reader, LIMITS.replicasPerApp, (row) => {
    const itsId = reader.text(id);
    const itsOrigin = reader.text(origin).replace(ID, () => itsId);
    const incarnation = reader.number();
    const size = reader.number();
    const load = reader.number();
    const hints = readRising(reader, NAMES_MOST, (index) => index);
    const concurrency = Math.floor(size / 2);
    return { row, id: itsId, origin: itsOrigin, incarnation, concurrency, open: size % 2 === 1, load, hints };
  });
  const left = readRising(reader, LIMITS.replicasPerApp, (row) => row);
  const loads = readRising(reader, LIMITS.replicasPerApp, (row) => ({ row, load: reader.number() }));
  reader.finish();
  return { epoch, version, since: from === 0 ? null : from - 1, serviceMs, names, rows, left, loads };
}

/** Stands for the replica's id in an origin, which no origin has. */
const ID = "\0";
const NAMES_MOST = LIMITS.replicasPerApp * LIMITS.hintsPerReplica;

function before(): Before {
  return { text: "" };
}

function numbersOf<T>(all: readonly T[], wanted: (one: T) => boolean): number[] {
  const numbers: number[] = [];
  for (let index = 0; index < all.length; index++) if (wanted(all[index]!)) numbers.push(index);
  return numbers;
}

function writeRising(writer: Writer, numbers: readonly number[], write: (number: number) => void): void {
  writer.number(numbers.length);
  let last = -1;
  for (const number of numbers) {
    writer.number(number - last - 1);
    write(number);
    last = number;
  }
}

function readRising<T>(reader: Reader, most: number, read: (number: number) => T): T[] {
  const all: T[] = [];
  let last = -1;
  for (let left = reader.count(); left > 0; left--) {
    last += 1 + reader.number();
    if (last >= most) throw new BadBytes("a number is too high");
    all.push(read(last));
  }
  return all;
}
