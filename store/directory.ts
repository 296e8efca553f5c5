/**
 * The folder of the store: who may use it, its lock, its version, its secrets.
 *
 *     DIR/lock           held while a server runs; holds its process id
 *     DIR/version.json   engine that wrote the data last
 *     DIR/secrets/       <user>.password, mode 0600, drawn once
 *     DIR/config/        config.xml, users.xml: written at each start
 *     DIR/data/          ClickHouse's own
 *     DIR/backups/       what BACKUP writes and RESTORE reads
 *     DIR/log/           engine.log
 *
 * @module
 */
import { join } from "node:path";
import { FatalError, messageOf } from "../lib/errors.ts";
import {
  configXml,
  type ServerSettings,
  type User,
  USERS,
  usersXml,
} from "./server_config.ts";

/** A store folder that this process alone uses, until disposed. */
export class StoreDirectory implements Disposable {
  /** Absolute. */
  readonly path: string;
  readonly #lock: Deno.FsFile;

  private constructor(path: string, lock: Deno.FsFile) {
    this.path = path;
    this.#lock = lock;
  }

  /**
   * Makes the folder if need be and locks it.
   *
   * @throws {FatalError} `unavailable` if another server has it, `noPermission` or `config` if it
   * cannot be used.
   */
  static async open(path: string): Promise<StoreDirectory> {
    const file = join(path, "lock");
    try {
      await Deno.mkdir(path, { recursive: true, mode: 0o700 });
      for (const folder of ["secrets", "config", "data", "log", "backups"]) {
        await Deno.mkdir(join(path, folder), { recursive: true, mode: 0o700 });
      }
      const lock = await Deno.open(file, {
        read: true,
        write: true,
        create: true,
        mode: 0o600,
      });
      if (!await lock.tryLock(EXCLUSIVE)) {
        lock.close();
        const holder = (await Deno.readTextFile(file)).trim();
        throw new FatalError(
          "unavailable",
          `Cannot use the store "${path}": process ${holder} is using it`,
        );
      }
      await lock.truncate();
      await lock.write(new TextEncoder().encode(`${Deno.pid}\n`));
      return new StoreDirectory(path, lock);
    } catch (thrown) {
      if (thrown instanceof FatalError) throw thrown;
      const denied = thrown instanceof Deno.errors.PermissionDenied ||
        thrown instanceof Deno.errors.NotCapable;
      throw new FatalError(
        denied ? "noPermission" : "config",
        `Cannot use the store "${path}": ${messageOf(thrown)}`,
        { cause: thrown },
      );
    }
  }

  /**
   * Compares the engine that wrote the data with the one that would read it now.
   *
   * @throws {FatalError} `config` if the data is of a newer major or minor version.
   */
  async checkVersion(engine: string): Promise<void> {
    const written = await this.#writtenBy();
    if (written === undefined || !isNewer(written, engine)) return;
    throw new FatalError(
      "config",
      `Cannot use the store "${this.path}": ClickHouse ${written} wrote it, and this is ${engine}. ` +
        "Install the newer version again, or restore a backup into an empty folder",
    );
  }

  async #writtenBy(): Promise<string | undefined> {
    try {
      const text = await Deno.readTextFile(join(this.path, "version.json"));
      const { engine } = JSON.parse(text);
      return typeof engine === "string" ? engine : undefined;
    } catch (thrown) {
      if (thrown instanceof Deno.errors.NotFound) return undefined;
      throw new FatalError(
        "config",
        `Cannot read "${join(this.path, "version.json")}": ${
          messageOf(thrown)
        }`,
        { cause: thrown },
      );
    }
  }

  /** Notes which engine writes the data from now on. */
  async writeVersion(engine: string): Promise<void> {
    await replaceFile(
      join(this.path, "version.json"),
      JSON.stringify({ engine }) + "\n",
    );
  }

  /** Hex digest of the password that the dictionaries were made with, as far as is known. */
  dictionaryPassword(): Promise<string | undefined> {
    return readIfThere(join(this.path, "secrets", "dictionaries.sha256"));
  }

  /** Notes it. */
  async writeDictionaryPassword(digest: string): Promise<void> {
    await replaceFile(
      join(this.path, "secrets", "dictionaries.sha256"),
      digest,
    );
  }

  /** Where the password of `user` is. */
  passwordFile(user: User): string {
    return join(this.path, "secrets", `${user}.password`);
  }

  /** The passwords, drawn at the first start and kept. */
  async passwords(): Promise<Record<User, string>> {
    const entries = await Promise.all(USERS.map(async (user) => {
      const file = this.passwordFile(user);
      const known = await readIfThere(file);
      if (known) return [user, known.trim()];
      const drawn = crypto.getRandomValues(new Uint8Array(24)).toBase64({
        alphabet: "base64url",
      });
      await replaceFile(file, `${drawn}\n`);
      return [user, drawn];
    }));
    return Object.fromEntries(entries);
  }

  /** Writes the configuration, and the files that make the engine's own database persistent. */
  async writeConfig(settings: ServerSettings): Promise<void> {
    const config = join(this.path, "config");
    await replaceFile(join(config, "config.xml"), configXml(settings));
    await replaceFile(join(config, "users.xml"), usersXml(settings));
    await this.#makeSystemDatabase();
  }

  /**
   * clickhouse-local keeps `system` in memory and finds the folders of its log tables in the way
   * at the second start. Attached as an Atomic database with a fixed id it persists like any other.
   */
  async #makeSystemDatabase(): Promise<void> {
    const uuid = "0e5c0000-0000-4000-8000-000000000001";
    const metadata = join(this.path, "data/metadata");
    const file = join(metadata, "system.sql");
    if (await readIfThere(file) !== undefined) return;
    const tables = join(this.path, "data/store", uuid.slice(0, 3), uuid);
    await Deno.mkdir(metadata, { recursive: true, mode: 0o700 });
    await Deno.mkdir(tables, { recursive: true, mode: 0o700 });
    await replaceFile(
      file,
      `ATTACH DATABASE _ UUID '${uuid}'\nENGINE = Atomic\n`,
    );
  }

  [Symbol.dispose](): void {
    this.#lock.close();
  }
}

const EXCLUSIVE = true;

/** Whether version `a` has a higher major or minor number than `b`; patches read each other. */
function isNewer(a: string, b: string): boolean {
  const [aMajor = 0, aMinor = 0] = a.split(".").map(Number);
  const [bMajor = 0, bMinor = 0] = b.split(".").map(Number);
  return aMajor > bMajor || (aMajor === bMajor && aMinor > bMinor);
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return undefined;
    throw thrown;
  }
}

/** Writes the whole file or nothing, readable by its owner alone. */
async function replaceFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.new`;
  await Deno.writeTextFile(temporary, text, { mode: 0o600 });
  await Deno.rename(temporary, path);
}
