/** docs/metrics.md, from what the running daemons say. @module */
import type { Family } from "../../ctl/samples.ts";
import { cell, generatedFrom } from "./markdown.ts";

/** The page. */
export function metricsReference(families: readonly Family[]): string {
  const rows = families.toSorted((a, b) => a.name < b.name ? -1 : 1);
  const part = (name: string): string =>
    /^(capture|correlate|detect|web)_/.exec(name)?.[1] ?? "every part";
  const groups = Map.groupBy(rows, ({ name }) => part(name));
  return `# Metrics

${
    generatedFrom(
      "what the daemons of an installed host say (tests/packaging_systemd_test.ts)",
    )
  }

\`ja4-metrics\` gathers them on 127.0.0.1:9465 for Prometheus and adds the label \`component\`; each part has
its own on its health address. Names are \`<component>_<noun>_<unit>\`, and \`_total\` where it only rises. Alert rules
and a dashboard for Grafana are in \`/usr/share/ja4-platform/monitoring\`.

    scrape_configs:
      - job_name: ja4-platform
        static_configs: [{ targets: ["127.0.0.1:9465"] }]
    rule_files: [/usr/share/ja4-platform/monitoring/ja4-platform.rules.yml]
${
    [...groups].map(([name, metrics]) => `
## ${name}

| metric | type | what |
|---|---|---|
${
      metrics.map(({ name, type, help }) =>
        `| \`${name}\` | ${type} | ${cell(help)} |`
      ).join("\n")
    }
`).join("")
  }`;
}

/** Names of the page's metrics with their type. */
export function listedMetrics(page: string): Map<string, string> {
  return new Map(
    [...page.matchAll(/^\| `([a-z]\w+)` \| (\w+) \|/gm)].map((
      [, name = "", type = ""],
    ) => [name, type]),
  );
}
