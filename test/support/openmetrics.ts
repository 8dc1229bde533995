// Reads OpenMetrics text strictly: what breaks a rule of the specification that the router's metrics could break is an error.

export interface MetricFamily {
  readonly name: string;
  readonly type: string;
  readonly samples: readonly MetricSample[];
}

export interface MetricSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  counter: ["_total"],
  gauge: [""],
  histogram: ["_bucket", "_count", "_sum"],
};
const SAMPLE = /^([a-z][a-z0-9_]*)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)*)\})? (\S+)$/;

export function readOpenMetrics(text: string): ReadonlyMap<string, MetricFamily> {
  const families = new Map<string, MetricFamily & { readonly samples: MetricSample[] }>();
  const lines = text.split("\n");
  if (lines.pop() !== "" || lines.pop() !== "# EOF") throw new Error("the text does not end with # EOF and a line feed");
  let last: { readonly name: string; readonly type: string; readonly samples: MetricSample[] } | null = null;
  for (const line of lines) {
    const [, kind, name = "", rest = ""] = /^# (TYPE|UNIT|HELP) (\S+) (.+)$/.exec(line) ?? [];
    if (kind === "TYPE") {
      if (families.has(name)) throw new Error(`a second family ${name}`);
      if (SUFFIXES[rest] === undefined) throw new Error(`${name} has the type ${rest}`);
      last = { name, type: rest, samples: [] };
      families.set(name, last);
    } else if (kind !== undefined) {
      if (last?.name !== name || last.samples.length > 0) throw new Error(`out of place: ${line}`);
      if (kind === "UNIT" && !name.endsWith(`_${rest}`)) throw new Error(`the name does not end with its unit: ${line}`);
    } else {
      last?.samples.push(sampleOf(line, last));
      if (last === null) throw new Error(`no family: ${line}`);
    }
  }
  for (const family of families.values()) check(family);
  return families;
}

function sampleOf(line: string, family: { readonly name: string; readonly type: string }): MetricSample {
  const [, name = "", labelText = "", valueText = ""] = SAMPLE.exec(line) ?? [];
  const suffix = name.slice(family.name.length);
  if (!name.startsWith(family.name) || !SUFFIXES[family.type]?.includes(suffix))
    throw new Error(`no sample of ${family.name}: ${line}`);
  const value = Number(valueText);
  if (!Number.isFinite(value) || value < 0) throw new Error(`no such number: ${line}`);
  const pairs = [...labelText.matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"/g)].map(([, label = "", its = ""]) => {
    return [label, its.replaceAll(/\\(.)/g, (_, escaped: string) => (escaped === "n" ? "\n" : escaped))] as const;
  });
  const labels = Object.fromEntries(pairs);
  if (Object.keys(labels).length !== pairs.length) throw new Error(`a label twice: ${line}`);
  return { name, labels, value };
}

/** No series twice; buckets that only grow, up to the count. */
function check({ name, type, samples }: MetricFamily): void {
  const seen = new Set(samples.map((sample) => JSON.stringify([sample.name, sample.labels])));
  if (seen.size !== samples.length) throw new Error(`${name} has a series twice`);
  if (type !== "histogram") return;
  for (const count of samples.filter((sample) => sample.name === `${name}_count`)) {
    const buckets = samples.filter((sample) => sample.name === `${name}_bucket` && sample.labels["app"] === count.labels["app"]);
    const bounds = buckets.map(({ labels }) => Number(labels["le"]?.replace("+Inf", "Infinity")));
    const grows = buckets.every(({ value }, at) => at === 0 || value >= (buckets[at - 1]?.value ?? 0));
    const rises = bounds.every((bound, at) => at === 0 || bound > (bounds[at - 1] ?? 0));
    if (!grows || !rises || bounds.at(-1) !== Infinity || buckets.at(-1)?.value !== count.value)
      throw new Error(`${name}: bad buckets`);
  }
}

/** The value of the one series that has these labels. */
export function valueIn(
  families: ReadonlyMap<string, MetricFamily>,
  name: string,
  labels: Readonly<Record<string, string>>,
): number {
  const all = [...families.values()].flatMap(({ samples }) => samples);
  const found = all.filter((sample) => {
    return sample.name === name && Object.entries(labels).every(([label, its]) => sample.labels[label] === its);
  });
  if (found.length !== 1) throw new Error(`${found.length} series ${name} ${JSON.stringify(labels)}`);
  return found[0]?.value ?? 0;
}
