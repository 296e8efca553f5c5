/** The metrics of all parts as one text, for one address that Prometheus asks. @module */
import { askHealth } from "../lib/metrics.ts";
import { healthAddress, type PartConfig, type PartName } from "./parts.ts";
import {
  type Family,
  parseMetrics,
  type Sample,
  sampleLine,
} from "./samples.ts";

/** Parts that have metrics. */
export const MEASURED = ["capture", "correlate", "detect", "web"] as const;

/** Asks every part; one that does not answer has `ja4_up` 0 and nothing else. */
export async function gather(
  configs: Readonly<Record<PartName, PartConfig>>,
): Promise<string> {
  const answers = await Promise.all(MEASURED.map(async (part) => {
    try {
      const listen = healthAddress(part, configs[part].content);
      const { text } = await askHealth(listen, "/metrics");
      return { part, families: parseMetrics(text) };
    } catch {
      return { part, families: undefined };
    }
  }));
  return textOf(mergeFamilies(answers));
}

/**
 * One family a name, each sample with the label `component`: names that every part has would
 * otherwise stand twice.
 */
export function mergeFamilies(
  answers: readonly {
    readonly part: string;
    readonly families: readonly Family[] | undefined;
  }[],
): Family[] {
  const up: Family = {
    name: "ja4_up",
    help: "Whether the part answers",
    type: "gauge",
    samples: answers.map(({ part, families }) => ({
      name: "ja4_up",
      labels: { component: part },
      value: families === undefined ? 0 : 1,
    })),
  };
  const merged = new Map<string, Family & { samples: Sample[] }>();
  for (const { part, families = [] } of answers) {
    for (const family of families) {
      const known = merged.get(family.name) ?? { ...family, samples: [] };
      merged.set(family.name, known);
      for (const sample of family.samples) {
        known.samples.push({
          ...sample,
          labels: { component: part, ...sample.labels },
        });
      }
    }
  }
  return [up, ...merged.values()];
}

/** Families in the format that Prometheus reads. */
export function textOf(families: readonly Family[]): string {
  return families.map(({ name, help, type, samples }) =>
    [
      `# HELP ${name} ${help}`,
      `# TYPE ${name} ${type}`,
      ...samples.map(sampleLine),
    ].join("\n") + "\n"
  ).join("");
}
