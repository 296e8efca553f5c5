/** Verdicts in words. @module */

/** In the order of their keys. */
export const VERDICTS = [
  "true_positive",
  "false_positive",
  "benign_bot",
] as const;

const VERDICT_WORDS: Readonly<Record<string, string>> = {
  true_positive: "True positive",
  false_positive: "False positive",
  benign_bot: "Benign bot",
};
/** The word for a verdict; "" for none. */
export function verdictWord(verdict: string): string {
  return VERDICT_WORDS[verdict] ?? "";
}
