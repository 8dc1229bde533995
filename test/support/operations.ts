// The dashboard and the alerting rules of docs/operations: every query in them.
import { readFileSync } from "node:fs";
import path from "node:path";
import { PROJECT } from "../../scripts/bundle.ts";

export const ALERTS = path.join(PROJECT, "docs", "operations", "alerts.yml");

interface Dashboard {
  readonly panels: readonly { readonly title: string; readonly targets: readonly { readonly expr: string }[] }[];
}

/** By the panel's title. */
export function panelQueries(): readonly (readonly [panel: string, query: string])[] {
  const { panels } = JSON.parse(readFileSync(path.join(PROJECT, "docs", "operations", "grafana.json"), "utf8")) as Dashboard;
  return panels.flatMap(({ title, targets }) => targets.map(({ expr }) => [title, expr] as const));
}

/** Whole, because queries go over several lines. */
export const alertRules = () => readFileSync(ALERTS, "utf8");
