// `warmpath warm APP HINT...`: announces hints, so that idle replicas load them before somebody asks.
import type { ListedModel } from "../../src/views/models.ts";
import { ask, reachOf } from "../client.ts";
import { adminCommand, adminTokenOf, appArgument, job } from "../command.ts";
import { table, type Column } from "../text.ts";

export const warm = job(
  adminCommand("warm", "Announces hints: where nobody holds them, idle replicas are advised to load them.")
    .addArgument(appArgument())
    .argument("<hint...>", "the hints"),
  async ([app, hints], options, { signal, paint, print }) => {
    const query = hints.map((hint) => `hint=${encodeURIComponent(hint)}`).join("&");
    const path = `/-/apps/${encodeURIComponent(app)}/warm?${query}`;
    const sending = { method: "POST", token: adminTokenOf(options) };
    const answer = await ask<{ readonly hints: readonly ListedModel[] }>(reachOf(options, signal), path, "hints", sending);
    print(options.json === true ? JSON.stringify(answer) : table(answer.hints, COLUMNS, paint));
    return true;
  },
);

const COLUMNS: readonly Column<ListedModel>[] = [
  { head: "hint", cell: (its) => its.hint },
  { head: "held by", cell: (its) => its.replicas },
  { head: "loading", cell: (its) => its.loading },
];
