// Ranges of IP addresses in CIDR notation, such as `10.20.0.0/16` and `[fd12:3456::]/32`, and which addresses they hold.

export interface AddressRange {
  /** Four of IPv4, sixteen of IPv6. An IPv4 range holds no IPv6 address, however that is written. */
  readonly bytes: readonly number[];
  /** How many leading bits count. */
  readonly bits: number;
}

/** Null: the address is none, or has fewer bits. An IPv6 address is in brackets, as in a URL. */
export function addressRange(address: string, bits: number): AddressRange | null {
  const bytes = URL.canParse(`http://${address}`) ? bytesOf(new URL(`http://${address}`).hostname) : null;
  // The URL parser reads other texts as IPv4 addresses too, such as 10.1 and 0x0a.0.0.1.
  if (bytes === null || bits > bytes.length * 8 || (bytes.length === 4 && bytes.join(".") !== address)) return null;
  return { bytes, bits };
}

/** Whether the host is an address in the range. `hostname` is as the URL parser writes it. */
export function isInRange(hostname: string, { bytes, bits }: AddressRange): boolean {
  const its = bytesOf(hostname);
  if (its?.length !== bytes.length) return false;
  return bytes.every((byte, index) => {
    const left = Math.min(8, Math.max(0, bits - index * 8));
    return byte >> (8 - left) === (its[index] ?? 0) >> (8 - left);
  });
}

/** The bytes of an address as the URL parser writes it; null: it is a name. */
function bytesOf(hostname: string): readonly number[] | null {
  if (/^\d+\.\d+\.\d+\.\d+$/.test(hostname)) return hostname.split(".").map(Number);
  if (!hostname.startsWith("[")) return null;
  const groupsOf = (part: string) => (part === "" ? [] : part.split(":").map((group) => Number.parseInt(group, 16)));
  const [head = [], tail = []] = hostname.slice(1, -1).split("::").map(groupsOf);
  const groups = [...head, ...Array<number>(8 - head.length - tail.length).fill(0), ...tail];
  return groups.flatMap((group) => [group >> 8, group & 0xff]);
}
