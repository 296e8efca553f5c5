/** How well scores order labelled rows. Equal scores count as one group, as in scikit-learn. @module */

/** Areas and recalls, each 0..1. */
export interface Quality {
  /** Area under the ROC curve. */
  readonly roc: number;
  /** Average precision: area under the precision-recall curve. */
  readonly ap: number;
  /** Recall at a false-positive rate of at most 1 %. */
  readonly recallAt1: number;
  /** At 0.1 %. */
  readonly recallAt01: number;
}

/** `labels`: 1 = what is looked for. `scores`: higher = more of it. */
export function quality(
  labels: ArrayLike<number>,
  scores: ArrayLike<number>,
): Quality {
  const score = (i: number) => scores[i] as number;
  const order = Array.from({ length: labels.length }, (_, i) => i)
    .sort((a, b) => score(b) - score(a));
  const positives = Array.from(labels).reduce((sum, v) => sum + v, 0);
  const negatives = labels.length - positives;
  let tp = 0;
  let fp = 0;
  let area = 0;
  let ap = 0;
  let recallAt1 = 0;
  let recallAt01 = 0;
  for (let i = 0; i < order.length;) {
    const value = score(order[i] as number);
    let j = i;
    let hits = 0;
    while (j < order.length && score(order[j] as number) === value) {
      hits += labels[order[j++] as number] as number;
    }
    const misses = j - i - hits;
    area += misses * (tp + hits / 2);
    tp += hits;
    fp += misses;
    if (hits > 0) ap += hits / positives * (tp / (tp + fp));
    if (fp / negatives <= 0.01) recallAt1 = tp / positives;
    if (fp / negatives <= 0.001) recallAt01 = tp / positives;
    i = j;
  }
  return { roc: area / (positives * negatives), ap, recallAt1, recallAt01 };
}
