// What the matrix's cells show, for the page and for its script.

/** How lately the replica used the hint, or that it loads it. */
export const HEATS = ["loading", "within a minute", "within ten minutes", "within an hour", "longer ago or never"] as const;

/** What the script draws. `asked`: percent of requests. */
export interface MatrixData {
  readonly hints: readonly { readonly hint: string; readonly asked: number }[];
  readonly replicas: readonly { readonly replica: string; readonly cells: readonly (readonly [hint: number, heat: number])[] }[];
}
