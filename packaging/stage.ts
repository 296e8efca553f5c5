/** Entries of the layout as files below a folder. @module */
import { dirname } from "node:path";
import { chdbLibrary } from "./bill.ts";
import { ROOT } from "./bundle.ts";
import { copy } from "./files.ts";
import type { Entry } from "./layout.ts";

/** Puts an entry below `root`; returns whether it is a folder with all in it. */
export async function place(entry: Entry, root: string): Promise<boolean> {
  const target = root + entry.path;
  await Deno.mkdir(dirname(target), { recursive: true });
  if (entry.link !== undefined) {
    await Deno.symlink(entry.link, target);
    return false;
  }
  if (entry.from === undefined) {
    await Deno.mkdir(target, { recursive: true });
    await Deno.chmod(target, parseInt(entry.mode, 8));
    return false;
  }
  const from = entry.from === "dist/libchdb.so"
    ? chdbLibrary()
    : ROOT + entry.from;
  const { isSymlink } = await Deno.lstat(from);
  if (isSymlink) {
    await Deno.symlink(await Deno.readLink(from), target);
    return false;
  }
  const { isDirectory } = await Deno.stat(from);
  await copy(from, target);
  if (!isDirectory) await Deno.chmod(target, parseInt(entry.mode, 8));
  return isDirectory;
}
