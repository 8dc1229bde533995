// An origin as a heartbeat's text, through parser and policy together, as src/control does it.
import { originFault } from "../../src/settings/origin-policy.ts";
import { parseHeartbeat } from "../../src/wire/heartbeat.ts";
import { parseSettings } from "../../src/settings/settings.ts";

const OWN_URL = "https://router.example.com/-/heartbeat";
/** Patterns that a careless operator could write: none of them may admit an address or a private name. */
export const CARELESS =
  "*.gpu.example.com gpu.example.org:8443 *.localhost *.local localhost 10.0.0.1 127.0.0.1 [::1] *.internal *.com";

/** The origin as the fleet would keep it, or why it is refused. */
export function judged(
  origin: string,
  allow: string,
  allowPrivate: boolean | "listed" = false,
  ownUrl = OWN_URL,
): { readonly kept: string } | { readonly refused: string } {
  const parsed = parseHeartbeat({ app: "a", replica: "r", origin });
  if (!parsed.ok) return { refused: `${parsed.field} ${parsed.detail}` };
  const settings = parseSettings({ ORIGIN_ALLOW: allow, ALLOW_PRIVATE_ORIGINS: allowPrivate });
  if (!settings.ok) throw new Error(settings.detail);
  const fault = originFault(parsed.value.origin, "a", ownUrl, settings.settings);
  return fault === null ? { kept: parsed.value.origin } : { refused: `origin ${fault}` };
}
