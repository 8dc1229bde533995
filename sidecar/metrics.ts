// The samples of a Prometheus text, as far as an adapter needs them. https://prometheus.io/docs/instrumenting/exposition_formats/

export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** The samples of one metric. */
export function samplesOf(text: string, metric: string): readonly Sample[] {
  const samples: Sample[] = [];
  for (const line of text.split("\n")) {
    if (!line.startsWith(metric)) continue;
    const rest = line.slice(metric.length);
    const match = /^(?:\{(.*)\})?[ \t]+(\S+)/.exec(rest);
    if (match === null) continue;
    const value = Number(match[2]);
    if (!Number.isNaN(value)) samples.push({ labels: labelsOf(match[1] ?? ""), value });
  }
  return samples;
}

/** The sum over all series; null: there is none. */
export function sumOf(text: string, metric: string): number | null {
  const samples = samplesOf(text, metric);
  return samples.length === 0 ? null : samples.reduce((sum, { value }) => sum + value, 0);
}

function labelsOf(text: string): Readonly<Record<string, string>> {
  const pairs = [...text.matchAll(/([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g)];
  return Object.fromEntries(pairs.map(([, name = "", value = ""]) => [name, unescaped(value)]));
}

function unescaped(value: string): string {
  return value.replace(/\\(.)/g, (_, letter: string) => (letter === "n" ? "\n" : letter));
}
