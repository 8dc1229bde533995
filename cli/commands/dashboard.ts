// `warmpath dashboard`: a link that signs a browser in.
import { signInLink } from "../../src/dashboard/session.ts";
import { reachOf } from "../client.ts";
import { adminCommand, adminTokenOf, job } from "../command.ts";

export const dashboard = job(
  adminCommand("dashboard", "Prints a link that signs a browser in to the router's dashboard: once, and within ten minutes."),
  async (_, options, { signal, print }) => {
    const { origin } = reachOf(options, signal);
    const link = await signInLink(origin, adminTokenOf(options), crypto.randomUUID(), Date.now());
    print(options.json === true ? JSON.stringify({ link }) : link);
    return true;
  },
);
