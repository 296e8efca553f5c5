/** docs/configuration.md, from the schemas of the programs. @module */
import { captureSchema } from "../../capture/config.ts";
import { schema as correlateSchema } from "../../correlate/config.ts";
import { schema as ctlSchema } from "../../ctl/command.ts";
import { schema as metricsSchema } from "../../ctl/metrics.ts";
import { schema as detectSchema } from "../../detect/config.ts";
import { type ConfigSchema, keysOf } from "../../lib/config.ts";
import { schema as storeSchema } from "../../store/main.ts";
import { schema as migrateSchema } from "../../store/migrate.ts";
import { schema as webSchema } from "../../web/config.ts";
import { cell, generatedFrom } from "./markdown.ts";

/** Files of the configuration folder with their schemas. */
export const FILES: Readonly<Record<string, ConfigSchema>> = {
  capture: captureSchema,
  correlate: correlateSchema,
  detect: detectSchema,
  web: webSchema,
  store: storeSchema,
  migrate: migrateSchema,
  metrics: metricsSchema,
  ja4ctl: ctlSchema,
};

/** The page. */
export function configurationReference(): string {
  return `# Configuration

${generatedFrom("the schemas that the programs check with")}

Each program reads \`/etc/ja4-platform/NAME.toml\`, or the file that \`--config\` names. A key that is not written has its
default. A variable \`JA4_SECTION__KEY\` goes before both. An unknown key, a wrong type or a value out of range is refused
at the start, all faults at once with file, line and key. \`NAME --check-config\` checks, \`ja4ctl config show --origin\`
prints what holds and where each value came from, \`systemctl reload ja4-NAME\` takes a change up.
${
    Object.entries(FILES).map(([name, schema]) => `
## ${name}.toml
${
      [...Map.groupBy(keysOf(schema), ({ section }) => section)].map((
        [section, keys],
      ) => `
### [${section}]

| key | default | accepts | what for |
|---|---|---|---|
${
        keys.map(({ key, fallback, accepts, about }) =>
          `| \`${key}\` | ${shown(fallback)} | ${cell(accepts)} | ${
            cell(about)
          } |`
        ).join("\n")
      }
`).join("")
    }`).join("")
  }`;
}

function shown(value: unknown): string {
  return value === undefined ? "" : `\`${cell(JSON.stringify(value))}\``;
}
