/**
 * `deno task demo`: the whole pipeline on this machine with real parts and real clients, from
 * packets on the loopback to detections on the dashboard. Ctrl-C ends it and leaves nothing.
 *
 * @module
 */
import * as v from "valibot";
import { Journal, type JournalEntry } from "../../ctl/journal.ts";
import {
  denoPart,
  type PartConfig,
  type PartName,
  ROOT,
} from "../../ctl/parts.ts";
import { runToEnd } from "../../ctl/process.ts";
import { QUEUE_LENGTH, raiseQueueLength } from "../../ctl/queue_length.ts";
import { Supervisor } from "../../ctl/supervise.ts";
import { createOneTimeLogin } from "../../lib/accounts.ts";
import { type Database, openDatabase } from "../../lib/clickhouse.ts";
import { FatalError } from "../../lib/errors.ts";
import { invariant } from "../../lib/invariant.ts";
import { main, type Program } from "../../lib/program.ts";
import { aborted, pause } from "../../lib/shutdown.ts";
import { buildModule } from "../../tests/support/httpd.ts";
import { runClients } from "./clients.ts";
import { DemoFolder } from "./folder.ts";
import { prepareHttpd } from "./httpd.ts";
import {
  type DemoOptions,
  OPTIONS,
  OPTIONS_HELP,
  parseOptions,
} from "./options.ts";
import { Progress, standardError } from "./progress.ts";
import { Pulse } from "./pulse.ts";
import { enterVerifiedBots, runReplay } from "./replay.ts";
import {
  databaseSection,
  type Settings,
  socketsOf,
  writeConfigs,
} from "./settings.ts";

const schema = v.strictObject({});

/** How long the login link works. */
const LOGIN_S = 3600;
/** Pause between two status lines where stderr is no terminal. */
const PLAIN_STATUS_MS = 10_000;

/** The program. */
export const program: Program<typeof schema> = {
  name: "demo",
  summary:
    "Runs the whole pipeline on this machine, visited by real clients, until Ctrl-C",
  help: OPTIONS_HELP,
  schema,
  options: OPTIONS,
  async run({ options, signal }) {
    const asked = parseOptions(options);
    using progress = new Progress(standardError());
    await demonstrate(asked, progress, signal);
  },
};

async function demonstrate(
  options: DemoOptions,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  await using folder = await DemoFolder.open(options.folder);
  if (options.keep) folder.keep();
  const timeUp = options.forS === undefined
    ? signal
    : AbortSignal.any([signal, AbortSignal.timeout(options.forS * 1000)]);
  progress.line(
    progress.bold("ja4-platform, the whole pipeline on this machine"),
  );
  progress.line();
  await using raised = await raiseQueueLength();
  await using demo = new Demo(options, folder, progress);
  if (raised !== undefined) {
    progress.line(
      progress.dim(
        `    net.unix.max_dgram_qlen is ${QUEUE_LENGTH} instead of ${raised.from} while this runs`,
      ),
    );
  }
  try {
    // A stop in the middle ends the parts, on which the start fails: that is no fault.
    await Promise.race([demo.start(), aborted(timeUp)]);
    await aborted(timeUp);
  } catch (thrown) {
    if (timeUp.aborted) return;
    folder.keep();
    if (thrown instanceof FatalError) {
      progress.line(`\nThe logs are in ${options.folder}/log`);
    }
    throw thrown;
  }
}

/** One run, from the first process to the last. */
class Demo implements AsyncDisposable {
  readonly #options: DemoOptions;
  readonly #settings: Settings;
  readonly #progress: Progress;
  readonly #journal = new Journal((entry) => this.#onEntry(entry));
  readonly #supervisor: Supervisor;
  readonly #startedMs = performance.now();
  /** Aborts when visitors, replay and status line are to end. */
  readonly #ending = new AbortController();
  readonly #background: Promise<void>[] = [];
  readonly #databases: Database[] = [];
  #started: Promise<void> = Promise.resolve();

  constructor(options: DemoOptions, folder: DemoFolder, progress: Progress) {
    this.#options = options;
    this.#progress = progress;
    this.#settings = {
      ports: options.ports,
      folder: folder.path,
      publicFolder: folder.publicPath,
    };
    this.#supervisor = new Supervisor({
      logDir: `${folder.path}/log`,
      cwd: ROOT,
      journal: this.#journal,
    });
  }

  /** Starts everything; resolves when the dashboard can be used and the visitors come. */
  start(): Promise<void> {
    this.#started = this.#startAll();
    return this.#started;
  }

  async #startAll(): Promise<void> {
    const progress = this.#progress;
    await progress.step(
      "Dependencies",
      () => runToEnd(Deno.execPath(), ["install", "--frozen"], { cwd: ROOT }),
    );
    const readyMs = performance.now();
    const configs = await writeConfigs(this.#settings);
    const [module] = await together([
      progress.step("Apache module built", () => buildModule()),
      progress.step("Dashboard built", () => buildDashboard()),
      this.#startStore(configs),
    ]);
    await together([
      this.#startPart("Correlator", "correlate", configs),
      this.#startPart("Detector", "detect", configs),
      this.#startPart("Dashboard", "web", configs),
      progress.step(
        "Web server with the module, TLS",
        () => this.#startHttpd(module),
      ),
    ]);
    await this.#startCapture(configs);
    await this.#welcome(readyMs);
  }

  async #startStore(configs: ReadonlyMap<PartName, PartConfig>): Promise<void> {
    await this.#startPart("Database", "store", configs);
    const database = await this.#open("ja4");
    await this.#progress.step("Schema", async () => {
      const { url, password_file } = databaseSection(this.#settings, "ja4");
      await runToEnd(Deno.execPath(), [
        "run",
        "-A",
        `${ROOT}store/migrate.ts`,
        "up",
      ], {
        cwd: ROOT,
        env: {
          JA4_CLICKHOUSE__URL: url,
          JA4_CLICKHOUSE__PASSWORD_FILE: password_file,
        },
      });
    });
    this.#journal.connect(database);
  }

  async #startPart(
    title: string,
    name: PartName,
    configs: ReadonlyMap<PartName, PartConfig>,
  ): Promise<void> {
    const config = configs.get(name);
    invariant(config !== undefined, `${name} has a configuration`);
    await this.#progress.step(
      title,
      async () => this.#supervisor.start(await denoPart(name, config)),
    );
  }

  /** Capture needs CAP_NET_RAW; without it the demonstration goes on, and says so. */
  async #startCapture(
    configs: ReadonlyMap<PartName, PartConfig>,
  ): Promise<void> {
    try {
      await this.#startPart("Live capture on lo", "capture", configs);
    } catch (thrown) {
      if (!(thrown instanceof FatalError) || thrown.exit !== "noPermission") {
        throw thrown;
      }
      this.#progress.warn(
        "No permission to capture packets: only replayed traffic has fingerprints. As root, all has.",
      );
    }
  }

  async #startHttpd(module: string): Promise<void> {
    const part = await prepareHttpd({
      folder: this.#settings.publicFolder,
      port: this.#settings.ports.http,
      tlsPort: this.#settings.ports.https,
      module,
      socket: socketsOf(this.#settings).http,
    });
    await this.#supervisor.start(part);
  }

  /** Prints URL and login, lets the visitors in, shows the status line. */
  async #welcome(readyMs: number): Promise<void> {
    const { ports, publicFolder } = this.#settings;
    const progress = this.#progress;
    const base = `http://127.0.0.1:${ports.web}`;
    const token = await createOneTimeLogin(await this.#open("app"), {
      login: "demo",
      display_name: "Demo analyst",
      role: "admin",
      expires_s: LOGIN_S,
    });
    const signal = this.#ending.signal;
    const visitors = runClients({
      port: ports.https,
      folder: publicFolder,
      signal,
    });
    this.#background.push(visitors.finished);
    if (this.#options.replay) {
      await enterVerifiedBots(await this.#open("ja4"));
      this.#background.push(runReplay({
        sockets: socketsOf(this.#settings),
        signal,
        onFailure: (reason) => progress.warn(`Replay interrupted: ${reason}`),
      }));
    }
    progress.line();
    progress.line(`  Ready after ${seconds(readyMs)}`);
    progress.line();
    progress.line(`  Dashboard  ${progress.bold(`${base}/`)}`);
    progress.line(
      `  Log in     ${progress.bold(`${base}/login?token=${token}`)}`,
    );
    progress.line(
      progress.dim(`             (once, within ${LOGIN_S / 60} minutes)`),
    );
    progress.line(`  Site       https://127.0.0.1:${ports.https}/`);
    progress.line();
    progress.line("  Its visitors, and where they come from:");
    for (const { name, address } of visitors.present) {
      progress.line(`    ${address.padEnd(11)} ${name}`);
    }
    for (const { name } of visitors.absent) {
      progress.line(
        progress.dim(`    ${"-".padEnd(11)} ${name}: not installed here`),
      );
    }
    progress.line();
    progress.line(
      progress.dim("  Ctrl-C stops everything and leaves nothing behind."),
    );
    progress.line();
    this.#showPulse(await this.#open("ja4"), readyMs);
  }

  #showPulse(database: Database, readyMs: number): void {
    const signal = this.#ending.signal;
    const pulse = new Pulse(database, (first) => {
      this.#progress.line(
        `  First detection after ${
          seconds(readyMs)
        }: ${first.id} ${first.title} (${
          first.src_ip.replace(/^::ffff:/, "")
        })`,
      );
    });
    const text = (): string => {
      const { requests, joined, fingerprints, detections } = pulse.figures;
      const share = requests === 0
        ? "-"
        : `${(100 * joined / requests).toFixed(1)} %`;
      return `  ${
        clock(this.#startedMs)
      }  requests ${requests}, joined ${share}, fingerprints ${fingerprints}, detections ${detections}`;
    };
    this.#progress.pulse(text);
    this.#background.push(pulse.run(signal));
    if (!Deno.stderr.isTerminal()) {
      this.#background.push(this.#repeat(text, signal));
    }
  }

  async #repeat(text: () => string, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await pause(PLAIN_STATUS_MS, signal);
      if (!signal.aborted) this.#progress.line(text());
    }
  }

  async #open(username: "ja4" | "app"): Promise<Database> {
    const { url, password_file } = databaseSection(this.#settings, username);
    const database = await openDatabase({
      url,
      database: "ja4",
      username,
      passwordFile: password_file,
    });
    this.#databases.push(database);
    return database;
  }

  /** Says what the supervisor met once the visitors are in. */
  #onEntry({ component, event, detail }: JournalEntry): void {
    if (["killed", "exited", "restarted", "failed"].includes(event)) {
      this.#progress.warn(`${component} ${event}: ${detail}`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#progress.pulse(() => "");
    await this.#progress.step("Stopped", async () => {
      this.#ending.abort();
      await Promise.allSettled(this.#background);
      await this.#journal.flush(1000);
      await this.#journal[Symbol.asyncDispose]();
      await this.#supervisor.stop();
      await Promise.allSettled([this.#started]);
      for (const database of this.#databases) {
        await database[Symbol.asyncDispose]();
      }
    });
  }
}

/** Bundles what the browser loads, as `deno task build` does. */
async function buildDashboard(): Promise<void> {
  await runToEnd(Deno.execPath(), ["task", "--quiet", "build"], { cwd: ROOT });
}

/** Waits for all, also where one fails: none is left under way when the failure is handled. */
async function together<T extends readonly unknown[]>(
  works: { readonly [Index in keyof T]: Promise<T[Index]> },
): Promise<T> {
  await Promise.allSettled(works);
  return await Promise.all(works) as unknown as T;
}

function seconds(sinceMs: number): string {
  return `${((performance.now() - sinceMs) / 1000).toFixed(1)} s`;
}

function clock(sinceMs: number): string {
  const total = Math.floor((performance.now() - sinceMs) / 1000);
  return `${Math.floor(total / 60)}:${String(total % 60).padStart(2, "0")}`;
}

if (import.meta.main) await main(program);
