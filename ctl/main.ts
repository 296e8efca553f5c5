/** `deno task ja4ctl COMMAND`: administration of this host. @module */
import { DatabaseError } from "../lib/clickhouse.ts";
import { FatalError } from "../lib/errors.ts";
import { main, type Program } from "../lib/program.ts";
import { type Command, openWith, schema } from "./command.ts";
import { backup, restore } from "./commands/backup.ts";
import { createCompletion } from "./commands/completion.ts";
import { config as showConfig } from "./commands/config.ts";
import { doctor } from "./commands/doctor.ts";
import { grants } from "./commands/grants.ts";
import { login } from "./commands/login.ts";
import { migrate } from "./commands/migrate.ts";
import { reference } from "./commands/reference.ts";
import { retention } from "./commands/retention.ts";
import { setup } from "./commands/setup.ts";
import { status } from "./commands/status.ts";
import { subject } from "./commands/subject.ts";
import { users } from "./commands/users.ts";
import { readConfigs } from "./host_config.ts";

const COMMANDS: readonly Command[] = [
  doctor,
  status,
  showConfig,
  grants,
  login,
  users,
  reference,
  migrate,
  retention,
  backup,
  restore,
  subject,
  setup,
  createCompletion(() => COMMANDS),
];

/** Where the explanations of `--help` begin; what is longer has them on a line of its own. */
const HELP_COLUMN = 24;

/** The program. */
export const program: Program<typeof schema> = {
  name: "ja4ctl",
  summary: "Looks after the parts on this host",
  usage: "COMMAND",
  help: commandHelp(),
  schema,
  positionals: true,
  options: Object.assign({}, ...COMMANDS.map(({ options }) => options ?? {})),
  async run({ config, options, positionals, signal }) {
    const [name, ...args] = positionals;
    const command = COMMANDS.find((command) => command.name === name);
    if (command === undefined) {
      throw new FatalError(
        "usage",
        `Expected one of ${
          COMMANDS.map(({ name }) => name).join(", ")
        }\nTry --help`,
      );
    }
    const foreign = Object.keys(options).find((key) =>
      !Object.hasOwn(command.options ?? {}, key) && key !== "config"
    );
    if (foreign !== undefined) {
      throw new FatalError(
        "usage",
        `${command.name} has no option --${foreign}\nTry --help`,
      );
    }
    const configs = await readConfigs(config.ctl.config_dir);
    try {
      return await command.run(
        {
          config,
          configs,
          signal,
          open: (account) => openWith(config[account], configs.store),
        },
        args,
        options,
      );
    } catch (thrown) {
      if (!(thrown instanceof DatabaseError)) throw thrown;
      throw new FatalError(
        thrown.retry === "reject" ? "dataFormat" : "unavailable",
        `Cannot do it at ${config.clickhouse.url}: ${thrown.message}`,
        { cause: thrown },
      );
    }
  },
};

function commandHelp(): string {
  const rows = COMMANDS.flatMap(({ name, usage, summary, optionHelp = [] }) => [
    [`  ${`${name} ${usage}`.trimEnd()}`, summary],
    ...optionHelp.map(([option, text]) => [`      ${option}`, text]),
  ]);
  return rows.map(([left = "", right = ""]) =>
    left.length < HELP_COLUMN
      ? left.padEnd(HELP_COLUMN) + right
      : `${left}\n${" ".repeat(HELP_COLUMN)}${right}`
  ).join("\n");
}

if (import.meta.main) await main(program);
