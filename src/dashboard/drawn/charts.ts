// The charts of the last hour as data, for the page and for its script.

/** One chart: its lines as values by minute; null leaves a gap. */
export interface ChartData {
  readonly title: string;
  readonly unit: "requests" | "share" | "seconds";
  readonly lines: readonly { readonly name: string; readonly values: readonly (number | null)[] }[];
}

export interface HistoryData {
  /** Unix seconds. */
  readonly times: readonly number[];
  readonly charts: readonly ChartData[];
}
