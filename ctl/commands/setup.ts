/** `ja4ctl setup`: from installed packages to a running pipeline. @module */
import { existsSync } from "node:fs";
import { FatalError, messageOf } from "../../lib/errors.ts";
import { eventuallyTrue } from "../wait.ts";
import { loadConfig } from "../../lib/config.ts";
import {
  type Command,
  type Context,
  openWith,
  type Options,
  print,
  schema,
} from "../command.ts";
import { passwordFile, readConfigs, textOf } from "../host_config.ts";
import { healthAddress } from "../parts.ts";
import { pause } from "../../lib/shutdown.ts";
import { runToEnd } from "../process.ts";
import { defaultInterface } from "../routes.ts";
import { isReady } from "../supervise.ts";
import { setKey } from "../toml_edit.ts";
import { doctor } from "./doctor.ts";
import { writeGrants } from "./grants.ts";
import { login } from "./login.ts";

/** What setup asks for. */
interface Answers {
  readonly interface: string;
  readonly ports: readonly number[];
  /** Undefined: the embedded store of this host. */
  readonly clickhouse: string | undefined;
}

/** Accounts of the database: who reads each password on this host. */
const ACCOUNTS = [
  { account: "ja4", group: "ja4" },
  { account: "web", group: "ja4-web" },
  { account: "app", group: "ja4-web" },
] as const;

const SECRETS = "secrets";
const STORE_UNIT = "/usr/lib/systemd/system/ja4-store.service";
const UNITS = ["correlate", "detect", "capture", "web"] as const;
/** What is started beside the parts. */
const BESIDE = ["metrics"] as const;
/** Longest that the store may take to its first passwords, milliseconds. */
const STORE_START_MS = 60_000;
/** Longest that all parts together may take to their first work, milliseconds. */
const READY_MS = 60_000;

export const setup: Command = {
  name: "setup",
  usage: "",
  summary: "configures this host, starts the parts, and looks at the result",
  options: {
    interface: { type: "string" },
    ports: { type: "string" },
    clickhouse: { type: "string" },
    yes: { type: "boolean" },
  },
  optionHelp: [
    ["--interface NAME", "to capture on (default: that of the default route)"],
    ["--ports LIST", "TLS ports of the web server (default: 443)"],
    [
      "--clickhouse URL",
      'a ClickHouse of your own, or "embedded" (default where it is installed)',
    ],
    ["--yes", "take the defaults, ask nothing"],
  ],
  async run(context, args, options) {
    if (args.length > 0) {
      throw new FatalError("usage", "setup takes no arguments\nTry --help");
    }
    if (Deno.uid() !== 0) {
      throw new FatalError(
        "noPermission",
        "setup needs root: sudo ja4ctl setup",
      );
    }
    const answers = await ask(options);
    const dir = context.config.ctl.config_dir;
    const url = answers.clickhouse ?? embeddedUrl(context);
    await configure(dir, answers, url);
    if (answers.clickhouse === undefined) {
      await startStore(context);
    } else {
      await checkPasswords(dir);
    }
    const configs = await readConfigs(dir);
    await writeGrants({ ...context, configs });
    await step("Migrating the schema", "ja4-migrate", ["up"], {
      JA4_CLICKHOUSE__URL: url,
      JA4_CLICKHOUSE__PASSWORD_FILE: `${dir}/${SECRETS}/ja4.password`,
    });
    await step("Starting the parts", "systemctl", ["daemon-reload"]);
    const services = [...UNITS, ...BESIDE].map((name) => `ja4-${name}.service`);
    await systemctl(["enable", "--quiet", "ja4.target"]);
    await systemctl([
      "enable",
      "--quiet",
      ...services,
    ]);
    await systemctl(["restart", ...services]);
    const fresh = await reread(context, configs);
    await waitUntilReady(fresh);
    print("");
    const code = await doctor.run(fresh, [], {});
    print("\nLog in to the dashboard (the link works once, for an hour):");
    await login.run(fresh, ["admin"], { role: "admin" });
    return code;
  },
};

/** The context with what is written in the files now. */
async function reread(
  context: Context,
  configs: Context["configs"],
): Promise<Context> {
  const config = await loadConfig(schema, {
    defaultFile: `${context.config.ctl.config_dir}/ja4ctl.toml`,
    env: (name) => Deno.env.get(name),
  });
  return {
    ...context,
    config,
    configs,
    open: (account) => openWith(config[account], configs.store),
  };
}

/** Gives the parts time for their first round; what is not ready after it is the doctor's to tell. */
async function waitUntilReady({ configs, signal }: Context): Promise<void> {
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(READY_MS)]);
  for (const name of UNITS) {
    const listen = healthAddress(name, configs[name].content);
    while (!deadline.aborted && !await isReady({ kind: "http", listen })) {
      await pause(100, deadline);
    }
  }
}

/**
 * What the options say, and what a person at the terminal answers to the rest: what cannot be used is
 * asked again.
 */
async function ask(options: Options): Promise<Answers> {
  const interactive = options["yes"] !== true && Deno.stdin.isTerminal();
  const question = <Value>(
    { option, about, fallback, parse }: Question<Value>,
  ): Value => {
    const given = text(options[option]);
    if (given !== undefined || !interactive) return parse(given ?? fallback);
    while (true) {
      try {
        // The default is not handed to prompt(), which has one type behind it.
        const answer = prompt(`${about} [${fallback}]:`);
        if (answer === null) throw new BrokenOff();
        return parse(answer || fallback);
      } catch (thrown) {
        if (!(thrown instanceof FatalError) || thrown instanceof BrokenOff) {
          throw thrown;
        }
        print(thrown.message);
      }
    }
  };
  const embedded = await isInstalled(STORE_UNIT);
  return {
    interface: question({
      option: "interface",
      about: "Interface to capture on",
      fallback: await defaultInterface() ?? "any",
      parse: parseInterface,
    }),
    ports: question({
      option: "ports",
      about: "TLS ports of the web server",
      fallback: "443",
      parse: parsePorts,
    }),
    clickhouse: question({
      option: "clickhouse",
      about: 'URL of your ClickHouse, or "embedded"',
      fallback: embedded ? "embedded" : "http://127.0.0.1:8123",
      parse: (url) => parseClickhouse(url, embedded),
    }),
  };
}

/** Ctrl-C or Ctrl-D in the place of an answer. */
class BrokenOff extends FatalError {
  constructor() {
    super("noInput", "Broken off; nothing was changed");
  }
}

/** One of the questions, and the option that answers it beforehand. */
interface Question<Value> {
  readonly option: string;
  readonly about: string;
  readonly fallback: string;
  /** @throws {FatalError} with what is wrong with the answer. */
  readonly parse: (answer: string) => Value;
}

/** As capture.toml takes it: a name, or where it follows from (docs/configuration.md). */
function parseInterface(name: string): string {
  if (
    name === "any" || name === "route" || name.startsWith("route:") ||
    existsSync(`/sys/class/net/${name.replaceAll("/", "")}`)
  ) return name;
  const there = [...Deno.readDirSync("/sys/class/net")].map(({ name }) => name)
    .filter((name) => name !== "bonding_masters").sort();
  throw new FatalError(
    "usage",
    `There is no interface "${name}": expected any, route or one of ${
      there.join(", ")
    }`,
  );
}

/** Undefined: the embedded store. */
function parseClickhouse(url: string, embedded: boolean): string | undefined {
  if (url === "embedded" && embedded) return undefined;
  if (url === "embedded") {
    throw new FatalError(
      "unavailable",
      "The embedded store is not installed: install ja4-platform-store, or give --clickhouse URL",
    );
  }
  if (/^https?:$/.test(URL.parse(url)?.protocol ?? "")) return url;
  throw new FatalError(
    "usage",
    `Cannot use "${url}" as the address of ClickHouse: expected http://HOST:8123 or https://HOST:8443`,
  );
}

function text(option: Options[string]): string | undefined {
  return typeof option === "string" ? option : undefined;
}

function parsePorts(list: string): number[] {
  const ports = list.split(/[\s,]+/).filter((item) => item !== "").map(Number);
  const valid = ports.length > 0 &&
    ports.every((port) => Number.isInteger(port) && port > 0 && port < 65_536);
  if (valid) return ports;
  throw new FatalError(
    "usage",
    `Cannot use the ports "${list}": expected numbers from 1 to 65535, with commas`,
  );
}

/** Where the embedded store listens. */
function embeddedUrl({ configs }: Context): string {
  return `http://${textOf(configs.store, "store", "listen")}`;
}

/** Writes the answers into the parts' files, key by key. */
async function configure(
  dir: string,
  answers: Answers,
  url: string,
): Promise<void> {
  const edits: Record<string, readonly (readonly [string, string, unknown])[]> =
    {
      capture: [
        ["capture", "interface", answers.interface],
        ["capture", "ports", answers.ports],
      ],
      correlate: [["clickhouse", "url", url]],
      detect: [["clickhouse", "url", url]],
      web: [["clickhouse", "url", url], ["app", "url", url]],
      ja4ctl: [
        ["clickhouse", "url", url],
        ["clickhouse", "password_file", `${dir}/${SECRETS}/ja4.password`],
        ["app", "url", url],
        ["app", "password_file", `${dir}/${SECRETS}/app.password`],
      ],
      migrate: [
        ["clickhouse", "url", url],
        ["clickhouse", "password_file", `${dir}/${SECRETS}/ja4.password`],
      ],
    };
  for (const [part, keys] of Object.entries(edits)) {
    const path = `${dir}/${part}.toml`;
    const old = await readOwn(path);
    // ja4ctl and the migrations find the embedded store by themselves.
    if (old === undefined && answers.clickhouse === undefined) continue;
    let text = old ?? "";
    for (const [section, key, value] of keys) {
      text = setKey(text, section, key, value as string);
    }
    if (text === old) continue;
    // In place: owner, group and mode stay.
    await Deno.writeTextFile(path, text);
    print(`Changed ${path}`);
  }
}

/** A file's text; undefined if it is not there. */
async function readOwn(path: string): Promise<string | undefined> {
  return await isInstalled(path) ? await Deno.readTextFile(path) : undefined;
}

/** Starts the embedded store and gives each part the password that it drew for it. */
async function startStore(context: Context): Promise<void> {
  const dir = context.config.ctl.config_dir;
  const store = context.configs.store;
  print("Starting the embedded store");
  await systemctl(["daemon-reload"]);
  await systemctl(["enable", "--quiet", "--now", "ja4-store.service"]);
  for (const { account, group } of ACCOUNTS) {
    const from = passwordFile(store, account);
    await eventuallyTrue(
      () => isInstalled(from),
      STORE_START_MS,
      context.signal,
      `The store has not written "${from}"; see journalctl -u ja4-store`,
    );
    await runToEnd("install", [
      "-m",
      "0640",
      "-o",
      "root",
      "-g",
      group,
      from,
      `${dir}/${SECRETS}/${account}.password`,
    ]);
  }
}

/** Where the database is another's, its passwords are for the administrator to bring. */
async function checkPasswords(dir: string): Promise<void> {
  const missing: string[] = [];
  for (const { account, group } of ACCOUNTS) {
    const path = `${dir}/${SECRETS}/${account}.password`;
    if (await isInstalled(path)) {
      await runToEnd("chown", [`root:${group}`, path]);
      await Deno.chmod(path, 0o640);
    } else missing.push(path);
  }
  if (missing.length === 0) return;
  throw new FatalError(
    "noInput",
    `Write the password of each account of your ClickHouse into its file, then run setup again:\n${
      missing.join("\n")
    }`,
  );
}

async function isInstalled(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return false;
    throw new FatalError("noPermission", messageOf(thrown), { cause: thrown });
  }
}

async function step(
  what: string,
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<void> {
  print(what);
  await runToEnd(command, args, { env });
}

async function systemctl(args: readonly string[]): Promise<void> {
  await runToEnd("systemctl", args);
}
