/**
 * The file of a UNIX socket: taken over when its owner is dead, left alone when it lives, and given
 * to the group that may write to it.
 *
 * @module
 */
import { FatalError, messageOf } from "../lib/errors.ts";

/** Who may connect or send. */
export interface SocketAccess {
  /** Such as `0o660`. */
  readonly mode: number;
  /** Name of a group in /etc/group; the process's own if not given. */
  readonly group?: string | undefined;
}

/**
 * Makes `path` free for a new socket: creates its folder and removes the file of a dead process.
 *
 * @throws {FatalError} `unavailable` if a process listens there, `config` if the file is no socket,
 * `noPermission` or `noInput` if the folder cannot be used.
 */
export async function claimSocketPath(path: string): Promise<void> {
  try {
    await makeFolderOf(path);
    const info = await Deno.lstat(path).catch(ignoreMissing);
    if (info === undefined) return;
    if (info.isSocket !== true) {
      throw new FatalError(
        "config",
        `Cannot listen on "${path}": it exists and is not a socket`,
      );
    }
    if (await isListening(path)) {
      throw new FatalError(
        "unavailable",
        `Cannot listen on "${path}": another process does`,
      );
    }
    await Deno.remove(path);
  } catch (thrown) {
    throw socketFault(path, thrown);
  }
}

/**
 * Whether a process has the socket: a stream connection to a datagram socket fails too, but with
 * another error than to a socket without a process.
 */
async function isListening(path: string): Promise<boolean> {
  try {
    (await Deno.connect({ transport: "unix", path })).close();
    return true;
  } catch (thrown) {
    if (
      thrown instanceof Deno.errors.PermissionDenied ||
      thrown instanceof Deno.errors.NotCapable
    ) throw thrown;
    return !(thrown instanceof Deno.errors.ConnectionRefused);
  }
}

/** Makes the folder where that is allowed; in production it is there, and only the socket is ours. */
async function makeFolderOf(path: string): Promise<void> {
  const folder = path.slice(0, path.lastIndexOf("/")) || "/";
  try {
    await Deno.mkdir(folder, { recursive: true });
  } catch (thrown) {
    if (!(thrown instanceof Deno.errors.NotCapable)) throw thrown;
  }
}

function ignoreMissing(thrown: unknown): undefined {
  if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
}

/** Sets mode and group of a socket that is bound. */
export async function openSocketTo(
  path: string,
  { mode, group }: SocketAccess,
): Promise<void> {
  try {
    if (group !== undefined) {
      await Deno.chown(path, null, await groupId(group));
    }
    await Deno.chmod(path, mode);
  } catch (thrown) {
    throw socketFault(path, thrown);
  }
}

async function groupId(group: string): Promise<number> {
  const table = await Deno.readTextFile("/etc/group");
  for (const line of table.split("\n")) {
    const [name, , id] = line.split(":");
    if (name === group) return Number(id);
  }
  throw new FatalError(
    "config",
    `Cannot find the group "${group}" in /etc/group`,
  );
}

/** An error of a socket's file or binding, as one line for the operator. */
export function socketFault(path: string, thrown: unknown): FatalError {
  if (thrown instanceof FatalError) return thrown;
  const denied = thrown instanceof Deno.errors.PermissionDenied ||
    thrown instanceof Deno.errors.NotCapable;
  return new FatalError(
    denied ? "noPermission" : "unavailable",
    `Cannot listen on "${path}": ${messageOf(thrown)}`,
    { cause: thrown },
  );
}
