/**
 * `deno task up`: all parts on this host, each by its file in the configuration folder or its
 * defaults, kept running until Ctrl-C.
 *
 * @module
 */
import * as v from "valibot";
import { about } from "../lib/config.ts";
import { openDatabase } from "../lib/clickhouse.ts";
import { EXIT, FatalError, messageOf } from "../lib/errors.ts";
import { startLog } from "../lib/log.ts";
import { CONFIG_DIR, main, type Program } from "../lib/program.ts";
import { aborted } from "../lib/shutdown.ts";
import {
  databaseUrl,
  passwordFile,
  readConfigs,
  textOf,
} from "./host_config.ts";
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
      config_dir: about(
        "Folder of the parts' configuration",
        v.optional(v.string("expected a path"), CONFIG_DIR),
      ),
      log_dir: about(
        "Folder of one log a part",
        v.optional(v.string("expected a path"), "/var/log/ja4-platform"),
      ),
    }),
    {},
  ),
});

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
      // Before the stop, which takes the store along.
      await journal.flush(1000);
      await supervisor.stop();
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
    ["task", "--quiet", "migrate", "up"],
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
