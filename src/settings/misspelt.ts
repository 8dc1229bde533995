// Names in an environment that are near a setting's name but are no setting. An environment holds many other names, so only near ones are reported.
// Values are never read, because they may be secrets.
import { BOUNDS } from "../limits.ts";
import { nearName } from "../wire/near-name.ts";
import { SETTING_NAMES } from "./settings.ts";

/** Names in the router's environment that are no settings. */
const BINDINGS = ["FLEET", "DIRECTORY", "HEARTBEAT_LIMIT", "UNKNOWN_APP_LIMIT"];
const KNOWN: ReadonlySet<string> = new Set([...SETTING_NAMES, ...BINDINGS]);

export interface Misspelt {
  readonly name: string;
  readonly warning: string;
}

/** The first few misspelt names. Each is about as long as the setting that it is near, so their lengths are bounded. */
export function misspeltSettings(names: Iterable<string>): readonly Misspelt[] {
  const found: Misspelt[] = [];
  for (const name of names) {
    if (found.length === BOUNDS.warnings) break;
    const meant = KNOWN.has(name) || !/^[\w-]+$/.test(name) ? null : nearName(name, KNOWN);
    if (meant !== null) found.push({ name, warning: `${name} is not a setting: did you mean ${meant}?` });
  }
  return found;
}
