/** A host in order for `ja4ctl doctor`, and ways to break it that are undone. @module */
import { databaseSection } from "../../ctl/database_section.ts";
import type { Patient } from "../../ctl/doctor/finding.ts";
import { readConfigs } from "../../ctl/host_config.ts";
import { PART_NAMES, type PartName } from "../../ctl/parts.ts";
import { setKey } from "../../ctl/toml_edit.ts";
import { openDatabase } from "../../lib/clickhouse.ts";
import {
  Counter,
  createRegistry,
  Gauge,
  serveHealth,
} from "../../lib/metrics.ts";
import { sql } from "../../lib/sql.ts";
import { temporaryFolder } from "../../lib/testing.ts";
import { startStore, type Store } from "./store.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

/** Parts that tell their health. */
const ASKED = ["capture", "correlate", "detect", "web"] as const;

/** A host in order: folders, sockets, secrets, a database, and parts that say that they are ready. */
export class Host implements AsyncDisposable {
  readonly folder: string;
  readonly store: Store;
  readonly #stack: AsyncDisposableStack;
  /** What was changed, and is changed back. */
  readonly undo: (() => void | Promise<void>)[] = [];
  /** Difference of this host's clock, milliseconds. */
  clockMs = 0;
  /** User that the parts run as. */
  user: string | undefined;
  /** What each part says of its file, by the file's text. */
  readonly #faults = new Map<string, Promise<string | undefined>>();

  private constructor(
    folder: string,
    store: Store,
    stack: AsyncDisposableStack,
  ) {
    this.folder = folder;
    this.store = store;
    this.#stack = stack;
  }

  static async make(): Promise<Host> {
    await using stack = new AsyncDisposableStack();
    const { path } = stack.use(await temporaryFolder());
    const store = stack.use(await startStore());
    const host = new Host(path, store, stack.move());
    for (const name of ["etc", "run", "spool", "store"]) {
      await Deno.mkdir(`${path}/${name}`, { mode: 0o750 });
    }
    for (const user of ["ja4", "web", "app"] as const) {
      await Deno.writeTextFile(
        host.at(`${user}.password`),
        store.passwords[user],
        {
          mode: 0o600,
        },
      );
    }
    const url = store.url;
    const files: Record<PartName, string> = {
      store: `[store]\ndir = "${
        host.at("store")
      }"\nlisten = "127.0.0.1:${store.port}"\n`,
      correlate: `[network]\npath = "${
        host.at("run/network.socket")
      }"\ngroup = "root"\n[http]\npath = "${
        host.at("run/http.socket")
      }"\ngroup = "root"\n[spool]\ndir = "${
        host.at("spool")
      }"\n[clickhouse]\nurl = "${url}"\npassword_file = "${
        host.at("ja4.password")
      }"\n`,
      capture: `[capture]\ninterface = "lo"\n[socket]\npath = "${
        host.at("run/network.socket")
      }"\n`,
      detect: `[clickhouse]\nurl = "${url}"\npassword_file = "${
        host.at("ja4.password")
      }"\n`,
      web: `[clickhouse]\nurl = "${url}"\npassword_file = "${
        host.at("web.password")
      }"\n[app]\nurl = "${url}"\npassword_file = "${
        host.at("app.password")
      }"\n`,
    };
    for (const part of PART_NAMES) {
      const listen = part === "web"
        ? `[web]\nlisten = "127.0.0.1:${host.serve("web", "127.0.0.1:0")}"\n`
        : part === "store"
        ? ""
        : `[health]\nlisten = "unix:${host.at(`run/${part}.health`)}"\n`;
      if (part !== "store" && part !== "web") {
        host.serve(part, `unix:${host.at(`run/${part}.health`)}`);
      }
      await Deno.writeTextFile(host.file(part), files[part] + listen);
    }
    host.listen("network");
    host.listen("http");
    return host;
  }

  at(name: string): string {
    return `${this.folder}/${name}`;
  }

  file(part: PartName): string {
    return this.at(`etc/${part}.toml`);
  }

  /** Serves a part's health until undone; returns the port. */
  serve(
    component: typeof ASKED[number],
    listen: string,
    { reasons = [], counters = {}, gauges = {} }: {
      reasons?: readonly string[];
      counters?: Readonly<Record<string, number>>;
      gauges?: Readonly<Record<string, number>>;
    } = {},
  ): number {
    const registry = createRegistry(component);
    for (const [name, value] of Object.entries(counters)) {
      new Counter({ name, help: name, registers: [registry] }).inc(value);
    }
    for (const [name, value] of Object.entries(gauges)) {
      new Gauge({ name, help: name, registers: [registry] }).set(value);
    }
    const stop = new AbortController();
    const { port, finished } = serveHealth({
      listen,
      registry,
      notReady: () => reasons,
      signal: stop.signal,
    });
    this.#stack.defer(async () => {
      stop.abort();
      await finished;
    });
    return port;
  }

  /** Makes one of the correlator's sockets, as it does. */
  listen(name: "network" | "http"): void {
    const path = this.at(`run/${name}.socket`);
    const listener = Deno.listen({ transport: "unix", path });
    Deno.chmodSync(path, 0o660);
    this.#stack.defer(() => listener.close());
  }

  /** Sets a key of a part's file. */
  async set(
    part: PartName,
    section: string,
    key: string,
    value: string | number,
  ): Promise<void> {
    const old = await Deno.readTextFile(this.file(part));
    await Deno.writeTextFile(this.file(part), setKey(old, section, key, value));
    this.undo.push(() => Deno.writeTextFile(this.file(part), old));
  }

  async patient(): Promise<Patient> {
    const configs = await readConfigs(this.at("etc"));
    return {
      configs,
      schema: "ja4",
      userOf: () => Promise.resolve(this.user),
      now: () => Date.now() + this.clockMs,
      openDatabase: () => databaseSection(configs, "correlate", "clickhouse"),
      openAs: (part, section) => databaseSection(configs, part, section),
      configFault: (part) => {
        const text = Deno.readTextFileSync(this.file(part));
        const known = this.#faults.get(`${part} ${text}`) ??
          checkConfig(part, this.file(part));
        this.#faults.set(`${part} ${text}`, known);
        return known;
      },
    };
  }

  async restore(): Promise<void> {
    for (const undo of this.undo.splice(0).reverse()) await undo();
    this.clockMs = 0;
    this.user = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

async function checkConfig(
  part: PartName,
  file: string,
): Promise<string | undefined> {
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", `${ROOT}${part}/main.ts`, "--check-config", "-c", file],
    env: { NO_COLOR: "1" },
  }).output();
  return code === 0 ? undefined : new TextDecoder().decode(stderr).trim();
}

/** Moves a file or folder of the host away. */
export async function takeAway(host: Host, name: string): Promise<void> {
  const path = host.at(name);
  await Deno.rename(path, `${path}.away`);
  host.undo.push(() => Deno.rename(`${path}.away`, path));
}

/** Changes permission bits. */
export async function changeMode(
  host: Host,
  name: string,
  bits: number,
): Promise<void> {
  const path = host.at(name);
  const old = (await Deno.stat(path)).mode ?? 0;
  await Deno.chmod(path, bits);
  host.undo.push(() => Deno.chmod(path, old & 0o777));
}

/** Writes something else into a file. */
export async function changeText(
  host: Host,
  name: string,
  content: string,
): Promise<void> {
  const path = host.at(name);
  const old = await Deno.readTextFile(path);
  await Deno.writeTextFile(path, content);
  host.undo.push(() => Deno.writeTextFile(path, old));
}

/** Adds a row to the ledger of what was done to the schema, and takes it away again. */
export async function recordMigration(
  host: Host,
  version: number,
  event: string,
  checksum: string,
): Promise<void> {
  const options = host.store.options("ja4");
  await using database = await openDatabase(options);
  await database.command(sql`
    INSERT INTO schema_migrations (at, version, name, event, checksum)
    SELECT now64(6) + 1, ${version}, 'doctor', ${event}, ${checksum}`);
  host.undo.push(async () => {
    await using database = await openDatabase(options);
    await database.command(
      sql`ALTER TABLE schema_migrations DELETE WHERE name = 'doctor' SETTINGS mutations_sync = 1`,
    );
  });
}
