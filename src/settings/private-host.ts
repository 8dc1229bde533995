// Hosts that only the inside of a network can mean: addresses, and names that public DNS does not have.

/** The host as the URL parser writes it, which turns every spelling of an address (decimal, octal, mapped) into a plain IP literal. */
export function isPrivateHost(hostname: string): boolean {
  return isAddress(hostname) || isPrivateName(hostname);
}

function isAddress(hostname: string): boolean {
  return hostname.startsWith("[") || /^\d+\.\d+\.\d+\.\d+$/.test(hostname);
}

/**
 * Endings of names that public DNS does not have, so whoever answers is inside: those reserved for local use (RFC 6761, 6762 with its appendix G, 7686,
 * 8375, 9476; ICANN: internal) and those in common use for it (lan, localdomain). `arpa` holds home.arpa and addresses by name, and no web server.
 * `example` is such an ending, while example.com is an ordinary name.
 */
const PRIVATE_ENDING =
  /\.(localhost|local|internal|test|invalid|example|alt|onion|arpa|intranet|private|corp|home|lan|localdomain)$/;

function isPrivateName(hostname: string): boolean {
  return !hostname.includes(".") || PRIVATE_ENDING.test(hostname);
}
