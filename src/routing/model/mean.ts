// Means that forget: each sample counts as one, and once a mean has weight W the older ones fade by 1 - 1/W a sample. A mean with few
// samples is shrunk to a prior by some samples' worth (empirical Bayes; Efron and Morris, 1977), so one odd request decides little.

/** The sum of its samples and their weight. */
export interface Mean {
  sum: number;
  weight: number;
}

export function emptyMean(): Mean {
  return { sum: 0, weight: 0 };
}

/** `memory`: the weight from which on older samples fade. */
export function addSample(mean: Mean, sample: number, memory: number): void {
  const factor = mean.weight >= memory ? 1 - 1 / memory : 1;
  mean.sum = factor * mean.sum + sample;
  mean.weight = factor * mean.weight + 1;
}

/** `none`: what an empty one is taken for. */
export function valueOf({ sum, weight }: Mean, none: number): number {
  return weight === 0 ? none : sum / weight;
}

/** The mean with so many more samples that were all as the prior. */
export function shrunk(mean: Mean | undefined, prior: number, samples: number): number {
  return mean === undefined ? prior : (mean.sum + samples * prior) / (mean.weight + samples);
}

export function clamp(value: number, min: number, max: number): number {
  return Math.min(max, Math.max(min, value));
}
