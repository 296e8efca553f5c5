/**
 * The folder of one demonstration: fresh at each start, used by one process, removed at the end.
 *
 * @module
 */
import { dirname } from "node:path";
import { FatalError, messageOf } from "../../lib/errors.ts";

/** A UNIX socket's path has at most 107 bytes (unix(7)); the longest name in the folder has 15. */
const PUBLIC_PATH_BYTES_MAX = 107 - "/network.socket".length;

const EXCLUSIVE = true;

/** Mode bit: others may pass through a folder. */
const OTHERS_PASS = 0o001;

/** Folders of a demonstration, until disposed. */
export class DemoFolder implements AsyncDisposable {
  /** Absolute. */
  readonly path: string;
  /**
   * A folder that httpd's unprivileged user can reach: inside `path`, or a temporary one where that
   * lies below a private folder (a clone in /root) or is too long for a socket.
   */
  readonly publicPath: string;
  readonly #lock: Deno.FsFile;
  #keep = false;

  private constructor(path: string, publicPath: string, lock: Deno.FsFile) {
    this.path = path;
    this.publicPath = publicPath;
    this.#lock = lock;
  }

  /**
   * Makes the folder afresh; what an earlier run left is removed.
   *
   * @throws {FatalError} `unavailable` if another demonstration uses it, `noPermission` if it cannot
   * be made.
   */
  static async open(path: string): Promise<DemoFolder> {
    try {
      await Deno.mkdir(dirname(path), { recursive: true });
      const lock = await Deno.open(`${path}.lock`, {
        write: true,
        create: true,
      });
      if (!await lock.tryLock(EXCLUSIVE)) {
        lock.close();
        throw new FatalError(
          "unavailable",
          `Cannot use the folder "${path}": another demonstration runs in it; stop it, or choose another with --folder`,
        );
      }
      await removeFolder(path);
      await Deno.mkdir(`${path}/log`, { recursive: true });
      return new DemoFolder(path, await makePublic(path), lock);
    } catch (thrown) {
      if (!(thrown instanceof Deno.errors.PermissionDenied)) throw thrown;
      throw new FatalError(
        "noPermission",
        `Cannot make the folder "${path}": ${messageOf(thrown)}`,
        { cause: thrown },
      );
    }
  }

  /** Leaves the folder where it is when disposed, for its logs. */
  keep(): void {
    this.#keep = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#keep) await removeFolder(this.path);
    if (this.publicPath !== `${this.path}/public`) {
      await removeFolder(this.publicPath);
    }
    await Deno.remove(`${this.path}.lock`);
    this.#lock.close();
  }
}

async function makePublic(path: string): Promise<string> {
  const inside = `${path}/public`;
  const fits = new TextEncoder().encode(inside).length <= PUBLIC_PATH_BYTES_MAX;
  if (fits && await othersPass(path)) {
    await Deno.mkdir(inside);
    return inside;
  }
  const outside = await Deno.makeTempDir({ prefix: "ja4-demo-" });
  await Deno.chmod(outside, 0o755);
  return outside;
}

/** Whether every folder on the way to `path` lets others pass; without root the user is the same. */
async function othersPass(path: string): Promise<boolean> {
  if (Deno.uid() !== 0) return true;
  for (let folder = path; folder !== "/"; folder = dirname(folder)) {
    const { mode } = await Deno.stat(folder);
    if (((mode ?? 0) & OTHERS_PASS) === 0) return false;
  }
  return true;
}

async function removeFolder(path: string): Promise<void> {
  try {
    await Deno.remove(path, { recursive: true });
  } catch (thrown) {
    if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
  }
}
