// Names in an environment that are near a setting's and are none. An environment holds many names that are not the router's, so only near
// ones are suspected. Values are never looked at: they may be secrets.
import { BOUNDS } from "../limits.ts";
import { nearName } from "../wire/near-name.ts";
import { SETTING_NAMES } from "./settings.ts";

/** What else the router's environment holds by name. */
const BINDINGS = ["FLEET", "DIRECTORY", "HEARTBEAT_LIMIT", "UNKNOWN_APP_LIMIT"];
const KNOWN: ReadonlySet<string> = new Set([...SETTING_NAMES, ...BINDINGS]);

export interface Misspelt {
  readonly name: string;
  readonly warning: string;
}

/** The misspelt ones among the names, the first few. Their lengths are bounded by those of the names that they are near. */
export function misspeltSettings(names: Iterable<string>): readonly Misspelt[] {
  const found: Misspelt[] = [];
  for (const name of names) {
    if (found.length === BOUNDS.warnings) break;
    const meant = KNOWN.has(name) || !/^[\w-]+$/.test(name) ? null : nearName(name, KNOWN);
    if (meant !== null) found.push({ name, warning: `${name} is not a setting: did you mean ${meant}?` });
  }
  return found;
}
