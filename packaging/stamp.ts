/** Whether what was built is of the present sources. @module */
import { ROOT } from "./bundle.ts";

/** Folders and files that the products are made of. */
const SOURCES = [
  "apache",
  "capture",
  "correlate",
  "ctl",
  "detect",
  "docs/apache-module.md",
  "ffi",
  "lib",
  "migrations",
  "packaging",
  "store",
  "wasm/ja4.wasm",
  "wasm/mod.ts",
  "web",
  "LICENSE",
  "NOTICE",
  "deno.json",
  "deno.lock",
];

/** What building itself writes there. */
const PRODUCTS = /\/(_fresh|icons\.svg|mod_reqin_log\.so|.*\.(l?o|la|slo))$/;

/** A digest of names, sizes and times of change of all sources. */
export async function sourcesDigest(): Promise<string> {
  const lines: string[] = [Deno.version.deno];
  for (const path of SOURCES) await describe(ROOT + path, lines);
  const bytes = new TextEncoder().encode(lines.join("\n"));
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

async function describe(path: string, lines: string[]): Promise<void> {
  if (PRODUCTS.test(path)) return;
  const { isDirectory, isSymlink, size, mtime } = await Deno.lstat(path);
  if (!isDirectory || isSymlink) {
    lines.push(`${path} ${size} ${mtime?.getTime()}`);
    return;
  }
  const names = await Array.fromAsync(Deno.readDir(path), ({ name }) => name);
  for (const name of names.sort()) await describe(`${path}/${name}`, lines);
}
