/**
 * Control groups of a container's own, so that its systemd can limit what it starts: in hierarchies
 * of version 1 a container may otherwise only look at `memory` and `pids`.
 *
 * @module
 */
import { eventually, exists } from "../../lib/testing.ts";

const TOP = "/sys/fs/cgroup";

/** Hierarchies that a container is given; a machine with version 2 alone has one without a name. */
const HIERARCHIES = ["memory", "pids", "systemd", "unified"] as const;

/** What a container runs so that its systemd may write to them, and takes them up. */
export const TAKE_UP = `for name in memory pids; do
    [ ! -d ${TOP}/$name ] || mount -o remount,rw,bind ${TOP}/$name
  done
  systemctl daemon-reexec`;

export class ControlGroups implements AsyncDisposable {
  readonly #folders: readonly string[];

  private constructor(folders: readonly string[]) {
    this.#folders = folders;
  }

  /** Makes a group of this name in each hierarchy. */
  static async make(name: string): Promise<ControlGroups> {
    const tops = exists(`${TOP}/cgroup.procs`)
      ? [TOP]
      : HIERARCHIES.map((hierarchy) => `${TOP}/${hierarchy}`).filter((folder) =>
        exists(`${folder}/cgroup.procs`)
      );
    const folders = tops.map((top) => `${top}/${name}`);
    for (const folder of folders) await Deno.mkdir(folder);
    return new ControlGroups(folders);
  }

  /** A line of shell that moves the shell into them. */
  get join(): string {
    return this.#folders.map((folder) => `echo $$ >${folder}/cgroup.procs`)
      .join(" && ");
  }

  /** Removes them; what ran in them has to have ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const folder of this.#folders) {
      await eventually(`${folder} is empty`, () => removed(folder), 10_000);
    }
  }
}

/** Removes a group and those below it; false while a process is in one. */
async function removed(folder: string): Promise<boolean> {
  try {
    for await (const { name, isDirectory } of Deno.readDir(folder)) {
      if (isDirectory && !await removed(`${folder}/${name}`)) return false;
    }
    // A folder of files that are the kernel's: rmdir(2), and not its contents first.
    await Deno.remove(folder);
    return true;
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return true;
    if (/busy|os error 16/i.test(String(thrown))) return false;
    throw thrown;
  }
}
