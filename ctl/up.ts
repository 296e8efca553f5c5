/**
 * `deno task up`: all parts on this host, each by its file in the configuration folder or its
 * defaults, kept running until Ctrl-C.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { parse } from "smol-toml";
import * as v from "valibot";
import { openDatabase } from "../lib/clickhouse.ts";
import { EXIT, FatalError, messageOf } from "../lib/errors.ts";
import { startLog } from "../lib/log.ts";
import { CONFIG_DIR, main, type Program } from "../lib/program.ts";
import { aborted } from "../lib/shutdown.ts";
import { Journal } from "./journal.ts";
import {
  denoPart,
  healthAddress,
  PART_NAMES,
  type PartConfig,
  type PartName,
  ROOT,
} from "./parts.ts";
import { runToEnd } from "./process.ts";
import { Supervisor } from "./supervise.ts";

/** The file up.toml. */
export const schema = v.strictObject({
  up: v.optional(
    v.strictObject({
      config_dir: v.optional(v.string("expected a path"), CONFIG_DIR),
      log_dir: v.optional(v.string("expected a path"), "/var/log/ja4-platform"),
    }),
    {},
  ),
});

/** What a part uses where its file does not say otherwise, as far as it has to be there or allowed. */
const DEFAULTS: Readonly<Record<PartName, PartConfig["content"]>> = {
  store: {
    store: { listen: "127.0.0.1:8123", dir: "/var/lib/ja4-platform/store" },
  },
  correlate: {
    network: { path: "/run/ja4/network.socket" },
    http: { path: "/run/ja4/http.socket" },
    spool: { dir: "/var/lib/ja4-platform/spool" },
    clickhouse: { url: "http://127.0.0.1:8123" },
  },
  detect: { clickhouse: { url: "http://127.0.0.1:8123" } },
  capture: { socket: { path: "/run/ja4/network.socket" } },
  web: { clickhouse: { url: "http://127.0.0.1:8123" } },
};

/** Folders that the defaults live in. */
const FOLDERS = ["/run/ja4", "/var/lib/ja4-platform"];

/** Sections with the credentials of a database user, by part. */
const DATABASE_SECTIONS: Readonly<
  Partial<Record<PartName, Readonly<Record<string, string>>>>
> = {
  correlate: { clickhouse: "ja4" },
  detect: { clickhouse: "ja4" },
  web: { clickhouse: "web", app: "app" },
};

/** The program. */
export const program: Program<typeof schema> = {
  name: "up",
  summary: "Runs all parts on this host until Ctrl-C, by their configuration",
  help: `Each part reads NAME.toml in the configuration folder: ${
    PART_NAMES.join(", ")
  }.
The embedded database runs only where correlate.toml names no other.
`,
  schema,
  async run({ config, signal }) {
    const { config_dir: configDir, log_dir: logDir } = config.up;
    const log = await startLog("up");
    for (const folder of [...FOLDERS, logDir]) await makeFolder(folder);
    const configs = await readConfigs(configDir);
    const url = databaseUrl(configs.correlate);
    const embedded =
      url === `http://${textOf(configs.store, "store", "listen")}`;
    const password = embedded ? passwordFile(configs.store, "ja4") : undefined;
    const journal = new Journal(({ component, event, detail }) =>
      log.info("Part", { part: component, event, detail })
    );
    await using supervisor = new Supervisor({ logDir, cwd: ROOT, journal });
    const start = async (name: PartName): Promise<void> => {
      const config = embedded
        ? withPasswords(name, configs[name], configs.store)
        : configs[name];
      await supervisor.start(await denoPart(name, config));
    };
    try {
      if (embedded) await start("store");
      await migrate(url, password);
      await using database = await openDatabase({
        url,
        database: "ja4",
        username: "ja4",
        passwordFile: password,
      });
      journal.connect(database);
      for (const name of ["correlate", "detect", "capture"] as const) {
        await start(name);
      }
      await runToEnd(Deno.execPath(), ["task", "--quiet", "build"], {
        cwd: ROOT,
      });
      await start("web");
      log.info("Everything runs", {
        dashboard: `http://${healthAddress("web", configs.web.content)}/`,
        login: "deno task ja4ctl login NAME",
      });
      await aborted(signal);
      await supervisor.stop();
      await journal.flush(1000);
    } catch (thrown) {
      if (signal.aborted) return EXIT.ok;
      throw thrown;
    } finally {
      await journal[Symbol.asyncDispose]();
    }
    return EXIT.ok;
  },
};

async function makeFolder(path: string): Promise<void> {
  try {
    await Deno.mkdir(path, { recursive: true, mode: 0o755 });
  } catch (thrown) {
    throw new FatalError(
      "noPermission",
      `Cannot make the folder "${path}": ${
        messageOf(thrown)
      }; run as root, or make it first`,
      { cause: thrown },
    );
  }
}

/** Reads the parts' files; their faults are each part's own to report. */
async function readConfigs(
  folder: string,
): Promise<Record<PartName, PartConfig>> {
  const configs: Partial<Record<PartName, PartConfig>> = {};
  for (const name of PART_NAMES) {
    const file = `${folder}/${name}.toml`;
    configs[name] = {
      file: existsSync(file) ? file : undefined,
      content: merged(DEFAULTS[name], await readToml(file)),
    };
  }
  return configs as Record<PartName, PartConfig>;
}

async function readToml(file: string): Promise<PartConfig["content"]> {
  try {
    return parse(await Deno.readTextFile(file)) as PartConfig["content"];
  } catch {
    return {};
  }
}

/** Sections of `defaults` with the keys of `own` over them. */
function merged(
  defaults: PartConfig["content"],
  own: PartConfig["content"],
): PartConfig["content"] {
  const names = [...Object.keys(defaults), ...Object.keys(own)];
  return Object.fromEntries(names.map((name) => [
    name,
    { ...defaults[name] as object, ...own[name] as object },
  ]));
}

function textOf(config: PartConfig, section: string, key: string): string {
  const table = config.content[section] as Record<string, unknown> | undefined;
  const value = table?.[key] ??
    (DEFAULTS.store[section] as Record<string, unknown> | undefined)?.[key];
  return typeof value === "string" ? value : "";
}

function databaseUrl(config: PartConfig): string {
  return textOf(config, "clickhouse", "url") || "http://127.0.0.1:8123";
}

/** Where the embedded store keeps the password of a user. */
function passwordFile(store: PartConfig, username: string): string {
  return `${textOf(store, "store", "dir")}/secrets/${username}.password`;
}

/** Gives a part the passwords that the embedded store drew, where its file names none. */
function withPasswords(
  name: PartName,
  config: PartConfig,
  store: PartConfig,
): PartConfig {
  const env: Record<string, string> = {};
  const content = { ...config.content };
  for (
    const [section, username] of Object.entries(DATABASE_SECTIONS[name] ?? {})
  ) {
    const table = (content[section] ?? {}) as Record<string, unknown>;
    if ("password" in table || "password_file" in table) continue;
    const file = passwordFile(store, username);
    content[section] = { ...table, password_file: file };
    env[`JA4_${section}__PASSWORD_FILE`.toUpperCase()] = file;
  }
  return { ...config, content, env };
}

/** Applies what is pending of the schema. */
async function migrate(
  url: string,
  passwords: string | undefined,
): Promise<void> {
  await runToEnd(
    Deno.execPath(),
    ["run", "-A", `${ROOT}store/migrate.ts`, "up"],
    {
      cwd: ROOT,
      env: {
        JA4_CLICKHOUSE__URL: url,
        ...(passwords === undefined
          ? {}
          : { JA4_CLICKHOUSE__PASSWORD_FILE: passwords }),
      },
    },
  );
}

if (import.meta.main) await main(program);
