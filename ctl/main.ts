/** `deno task ja4ctl doctor | login NAME`: administration of this host. @module */
import * as v from "valibot";
import {
  createOneTimeLogin,
  isLogin,
  type Role,
  ROLES,
} from "../lib/accounts.ts";
import {
  clickhouseSection,
  type Database,
  type DatabaseOptions,
  databaseOptions,
  openDatabase,
} from "../lib/clickhouse.ts";
import { EXIT, FatalError } from "../lib/errors.ts";
import {
  CONFIG_DIR,
  type Invocation,
  main,
  type Program,
} from "../lib/program.ts";
import { printable } from "../lib/text.ts";
import { examine, type Finding } from "./doctor.ts";
import { passwordFile, readConfigs } from "./host_config.ts";
import { healthAddress, type PartConfig, type PartName } from "./parts.ts";

/** The file ja4ctl.toml. */
export const schema = v.strictObject({
  ctl: v.optional(
    v.strictObject({
      config_dir: v.optional(v.string("expected a path"), CONFIG_DIR),
    }),
    {},
  ),
  clickhouse: clickhouseSection("ja4"),
  app: clickhouseSection("app"),
});

type Config = v.InferOutput<typeof schema>;
type Configs = Record<PartName, PartConfig>;

/** How long a login link works. */
const LOGIN_S = 3600;

/** The program. */
export const program: Program<typeof schema> = {
  name: "ja4ctl",
  summary: "Looks after the parts on this host",
  usage: "doctor | login NAME",
  help:
    `  doctor         what is in order and what is not; exit code 1 on a failure
  login NAME     a link that logs NAME in once; makes the account if there is none

      --role ROLE     of a new account: ${ROLES.join(", ")} (default: viewer)
      --json          findings of the doctor as JSON lines
`,
  schema,
  positionals: true,
  options: { role: { type: "string" }, json: { type: "boolean" } },
  async run({ config, options, positionals }) {
    const [command, ...rest] = positionals;
    const configs = await readConfigs(config.ctl.config_dir);
    if (command === "doctor" && rest.length === 0) {
      return await doctor(config, configs, options["json"] === true);
    }
    if (command === "login" && rest.length === 1) {
      return await login(config, configs, {
        name: rest[0] ?? "",
        role: parseRole(options["role"]),
      });
    }
    throw new FatalError("usage", "Expected doctor, or login NAME\nTry --help");
  },
};

async function doctor(
  config: Config,
  configs: Configs,
  json: boolean,
): Promise<number> {
  const findings = await examine({
    configs,
    schema: config.clickhouse.database,
    openDatabase: () => open(config.clickhouse, configs),
  });
  for (const finding of findings) {
    print(json ? JSON.stringify(finding) : line(finding));
  }
  const failed = findings.some(({ level }) => level === "failure");
  return failed ? EXIT.failed : EXIT.ok;
}

function line({ level, what, detail }: Finding): string {
  const mark = { ok: "ok  ", warning: "warn", failure: "FAIL" }[level];
  return printable(`${mark}  ${what}: ${detail}`);
}

async function login(
  config: Config,
  configs: Configs,
  { name, role }: { name: string; role: Role },
): Promise<number> {
  if (!isLogin(name)) {
    throw new FatalError(
      "usage",
      `Cannot use the name "${name}": expected 1 to 64 letters, digits or . _ @ -`,
    );
  }
  await using database = await open(config.app, configs);
  if (!await database.ping()) {
    throw new FatalError(
      "unavailable",
      `The database does not answer on ${config.app.url}: start it, or see [app]`,
    );
  }
  const token = await createOneTimeLogin(database, {
    login: name,
    display_name: name,
    role,
    expires_s: LOGIN_S,
  });
  const address = healthAddress("web", configs.web.content);
  print(`http://${address}/login?token=${token}`);
  return EXIT.ok;
}

function parseRole(value: Invocation<unknown>["options"][string]): Role {
  const role = ROLES.find((role) => role === (value ?? "viewer"));
  if (role !== undefined) return role;
  throw new FatalError(
    "usage",
    `Cannot use --role "${value}": expected ${ROLES.join(", ")}`,
  );
}

/** Opens the database; the embedded store's own password where none is configured. */
async function open(
  section: Config["clickhouse"],
  configs: Configs,
): Promise<Database> {
  const options: DatabaseOptions = databaseOptions(section);
  const given = section.password !== undefined ||
    section.password_file !== undefined;
  return await openDatabase(
    given ? options : {
      ...options,
      passwordFile: passwordFile(configs.store, section.username),
    },
  );
}

function print(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
}

if (import.meta.main) await main(program);
