/**
 * What every program shares: `--help`, `--version`, `--config FILE`, `--check-config`, the exit
 * codes of sysexits(3), one clear line instead of a stack for everything an operator can cause, and
 * what a daemon owes systemd.
 *
 * @module
 */
import { parseArgs, type ParseArgsConfig } from "node:util";
import type * as v from "valibot";
import {
  type ConfigSchema,
  exampleOf,
  loadConfig,
  originsOf,
} from "./config.ts";
import { EXIT, FatalError, messageOf } from "./errors.ts";
import { logOf } from "./log.ts";
import { connectServiceManager } from "./service.ts";
import { printable } from "./text.ts";
import { aborted, listenForShutdown } from "./shutdown.ts";
import { VERSION } from "./version.ts";

/** What {@linkcode Program.run} is given. */
export interface Invocation<Config> {
  readonly config: Config;
  /** Options of the command line, by long name. */
  readonly options: Readonly<
    Record<string, string | boolean | (string | boolean)[] | undefined>
  >;
  readonly positionals: readonly string[];
  /** Aborts at SIGTERM or SIGINT; in a daemon also when a new configuration is to be taken up. */
  readonly signal: AbortSignal;
  /** A daemon says once that it does its work from now on; one line for `systemctl status`. */
  ready(status: string): void;
}

/** A command line program. */
export interface Program<Schema extends ConfigSchema> {
  /** As typed after `deno task`, and the stem of its file in /etc/ja4-platform. */
  readonly name: string;
  /** One sentence for `--help`. */
  readonly summary: string;
  /** Text of `--help` below the usage line: arguments and options of this program. */
  readonly help?: string;
  /** Usage after the name, such as `FILE...`. */
  readonly usage?: string;
  readonly schema: Schema;
  readonly options?: NonNullable<ParseArgsConfig["options"]>;
  /** Whether positional arguments are accepted. @default false */
  readonly positionals?: boolean;
  /**
   * A daemon: `run` lasts until its signal. systemd is told of it, and SIGHUP has a changed
   * configuration taken up: `run` drains and is called again. @default false
   */
  readonly daemon?: boolean;
  /** Whether a daemon can take up a changed configuration without a new process. @default true */
  readonly reloads?: boolean;
  /** Returns the exit code, 0 if nothing is returned. */
  run(invocation: Invocation<v.InferOutput<Schema>>): Promise<number | void>;
}

const COMMON_OPTIONS = {
  help: { type: "boolean", short: "h" },
  version: { type: "boolean", short: "V" },
  config: { type: "string", short: "c" },
  "check-config": { type: "boolean" },
  "show-config": { type: "boolean" },
} as const;

/** Folder of the configuration files that are read when `--config` is not given. */
export const CONFIG_DIR = "/etc/ja4-platform";

/** Runs `program` on this process's arguments and exits. */
export async function main<Schema extends ConfigSchema>(
  program: Program<Schema>,
): Promise<never> {
  Deno.exit(await execute(program, Deno.args));
}

/** Runs `program` on `args`; returns the exit code. Messages go to stderr, `--help` to stdout. */
export async function execute<Schema extends ConfigSchema>(
  program: Program<Schema>,
  args: readonly string[],
): Promise<number> {
  try {
    const { values, positionals } = parse(program, args);
    if (values["help"] === true) return print(helpText(program));
    if (values["version"] === true) {
      return print(`${executableOf(program.name)} ${VERSION}`);
    }
    const source = {
      file: values["config"] as string | undefined,
      defaultFile: `${CONFIG_DIR}/${program.name}.toml`,
      env: (name: string) => Deno.env.get(name),
    };
    if (values["show-config"] === true) {
      const lines = await originsOf(program.schema, source);
      return print(lines.map((line) => JSON.stringify(line)).join("\n"));
    }
    const load = (): Promise<v.InferOutput<Schema>> =>
      loadConfig(program.schema, source);
    const config = await load();
    if (values["check-config"] === true) {
      return print("The configuration is valid");
    }
    using shutdown = listenForShutdown();
    const { signal } = shutdown;
    if (program.daemon === true) {
      return await serve(program, {
        config,
        options: values,
        positionals,
        signal,
        load,
      });
    }
    const code = await program.run({
      config,
      options: values,
      positionals,
      signal,
      ready: () => {},
    });
    return code ?? EXIT.ok;
  } catch (thrown) {
    return report(program.name, thrown);
  }
}

/** Runs a daemon, anew with each configuration that SIGHUP brings. */
async function serve<Schema extends ConfigSchema>(
  program: Program<Schema>,
  { config: first, options, positionals, signal, load }:
    & Omit<Invocation<v.InferOutput<Schema>>, "ready">
    & { load(): Promise<v.InferOutput<Schema>> },
): Promise<number> {
  await using manager = connectServiceManager(variable);
  aborted(signal).then(() => manager.stopping());
  let config = first;
  let round = new AbortController();
  const onHangUp = async (): Promise<void> => {
    const changed = await changedConfig(program.name, load, config);
    if (changed === undefined) return;
    if (program.reloads === false) {
      logOf(program.name).warn(
        "The configuration has changed; only a restart takes it up",
      );
      return;
    }
    manager.reloading();
    config = changed;
    round.abort();
  };
  Deno.addSignalListener("SIGHUP", onHangUp);
  try {
    while (true) {
      const code = await program.run({
        config,
        options,
        positionals,
        signal: AbortSignal.any([signal, round.signal]),
        ready: (status) => manager.ready(status),
      });
      if (signal.aborted || !round.signal.aborted) return code ?? EXIT.ok;
      round = new AbortController();
    }
  } finally {
    Deno.removeSignalListener("SIGHUP", onHangUp);
  }
}

/** The configuration of now if it is valid and another than `inUse`; a faulty one is logged. */
async function changedConfig<Config>(
  component: string,
  load: () => Promise<Config>,
  inUse: Config,
): Promise<Config | undefined> {
  try {
    const config = await load();
    return JSON.stringify(config) === JSON.stringify(inUse)
      ? undefined
      : config;
  } catch (thrown) {
    logOf(component).error(
      "The new configuration is refused; the old one holds",
      { reason: messageOf(thrown) },
    );
    return undefined;
  }
}

/** A variable of the environment; undefined also where it may not be read. */
function variable(name: string): string | undefined {
  const { state } = Deno.permissions.querySync({ name: "env", variable: name });
  return state === "granted" ? Deno.env.get(name) : undefined;
}

function parse<Schema extends ConfigSchema>(
  program: Program<Schema>,
  args: readonly string[],
): {
  values: Record<string, string | boolean | (string | boolean)[] | undefined>;
  positionals: string[];
} {
  try {
    const parsed = parseArgs({
      args: [...args],
      options: { ...program.options, ...COMMON_OPTIONS },
      allowPositionals: program.positionals ?? false,
    });
    return { values: { ...parsed.values }, positionals: parsed.positionals };
  } catch (thrown) {
    throw new FatalError("usage", `${messageOf(thrown)}\nTry --help`, {
      cause: thrown,
    });
  }
}

function helpText<Schema extends ConfigSchema>(
  program: Program<Schema>,
): string {
  return `${program.summary}

Usage: ${commandOf(program.name)} [OPTIONS]${
    program.usage === undefined ? "" : ` ${program.usage}`
  }
${program.help === undefined ? "" : `\n${program.help.trimEnd()}\n`}
  -c, --config FILE   configuration (default: ${CONFIG_DIR}/${program.name}.toml, if it exists)
      --check-config  check the configuration and exit
      --show-config   print each value that holds and where it came from, as JSON lines
  -V, --version       print the version
  -h, --help          print this help
${configHelp(program.schema)}`;
}

/** What is typed to start a program: a command of the packages, or a task of the project. */
export function commandOf(name: string): string {
  if (variable("JA4_PACKAGED") === undefined) return `deno task ${name}`;
  return executableOf(name);
}

/** A program's name as the packages install it, and as its messages begin. */
function executableOf(name: string): string {
  return name.startsWith("ja4") ? name : `ja4-${name}`;
}

/** The keys of the configuration with their defaults; nothing for a program without any. */
function configHelp(schema: ConfigSchema): string {
  const example = exampleOf(schema);
  if (example === "") return "";
  return `
Configuration with its defaults (the variable JA4_SECTION__KEY overrides a key):

${example.replaceAll(/^/gm, "  ")}`;
}

function print(text: string): number {
  Deno.stdout.writeSync(new TextEncoder().encode(text + "\n"));
  return EXIT.ok;
}

/** Writes what an operator can act on; only our own faults show a stack. */
export function report(name: string, thrown: unknown): number {
  const fatal = thrown instanceof Deno.errors.NotCapable
    ? notAllowed(thrown)
    : thrown;
  const text = fatal instanceof FatalError
    ? fatal.message.split("\n").map(printable).join("\n")
    : `This is a fault of the program; please report it\n${
      thrown instanceof Error ? thrown.stack ?? thrown.message : String(thrown)
    }`;
  Deno.stderr.writeSync(
    new TextEncoder().encode(`${executableOf(name)}: ${text}\n`),
  );
  return fatal instanceof FatalError ? EXIT[fatal.exit] : EXIT.software;
}

/** What the configuration names and the flags that the program was started with do not allow. */
function notAllowed(thrown: Error): FatalError {
  const what = thrown.message.replace(/, (run again with|specify) .*$/s, "");
  const remedy = variable("JA4_PACKAGED") === undefined
    ? "allow it in the program's permission set in deno.json"
    : 'if the configuration is right, run "ja4ctl grants" and restart the part';
  return new FatalError("noPermission", `Not permitted: ${what}; ${remedy}`, {
    cause: thrown,
  });
}
