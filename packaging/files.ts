/** Copies of files and folders, for what is packaged. @module */
import { dirname } from "node:path";

/** Makes `folder` new and empty. */
export async function ensureEmpty(folder: string): Promise<void> {
  await Deno.remove(folder, { recursive: true }).catch((thrown) => {
    if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
  });
  await Deno.mkdir(folder, { recursive: true });
}

/** Keeps other builds out of a folder until disposed. */
export async function lockFolder(folder: string): Promise<Disposable> {
  await Deno.mkdir(folder, { recursive: true });
  const file = await Deno.open(`${folder}/lock`, { create: true, write: true });
  await file.lock(EXCLUSIVE);
  return file;
}
const EXCLUSIVE = true;

/** Copies a file, or a folder with all in it, to `to`; folders above it are made. Tests stay behind. */
export async function copy(from: string, to: string): Promise<void> {
  const { isDirectory } = await Deno.stat(from);
  if (!isDirectory) {
    await Deno.mkdir(dirname(to), { recursive: true });
    return await Deno.copyFile(from, to);
  }
  await Deno.mkdir(to, { recursive: true });
  for await (const { name } of Deno.readDir(from)) {
    if (!/_test\.tsx?$/.test(name)) {
      await copy(`${from}/${name}`, `${to}/${name}`);
    }
  }
}
