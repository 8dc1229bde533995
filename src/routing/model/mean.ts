// Means that forget. Each sample has weight one, and once a mean has weight W, each further sample fades the older ones by 1 - 1/W. A mean of few
// samples is shrunk to a prior that counts as some samples (empirical Bayes; Efron and Morris, 1977), so that one odd request decides little.

/** The weighted sum of samples, and the sum of their weights. */
export interface Mean {
  sum: number;
  weight: number;
}

export function emptyMean(): Mean {
  return { sum: 0, weight: 0 };
}

/** Adds a sample of weight one. `memory`: the weight from which on older samples fade. */
export function addSample(mean: Mean, sample: number, memory: number): void {
  const factor = mean.weight >= memory ? 1 - 1 / memory : 1;
  mean.sum = factor * mean.sum + sample;
  mean.weight = factor * mean.weight + 1;
}

/** The value of the mean. `none`: the value of an empty one. */
export function valueOf({ sum, weight }: Mean, none: number): number {
  return weight === 0 ? none : sum / weight;
}

/** The value of the mean with so many more samples that all equal the prior. */
export function shrunk(mean: Mean | undefined, prior: number, samples: number): number {
  return mean === undefined ? prior : (mean.sum + samples * prior) / (mean.weight + samples);
}

export function clamp(value: number, min: number, max: number): number {
  return Math.min(max, Math.max(min, value));
}
