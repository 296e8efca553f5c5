/**
 * What the packages hold of others: a CycloneDX bill of materials from the lock files, and the
 * licence texts.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { FatalError } from "../lib/errors.ts";
import { VERSION } from "../lib/version.ts";
import { ROOT } from "./bundle.ts";

/** A component of others that is in a package. */
interface Component {
  readonly kind: "npm" | "cargo" | "generic";
  readonly name: string;
  readonly version: string;
  /** SPDX expression, as the component states it. */
  readonly license: string;
  /** SHA-256 or SHA-512 of what was fetched, as the lock file has it. */
  readonly hash?: { readonly alg: string; readonly content: string };
  /** Text of its licence, where its archive brings one. */
  readonly text?: string;
}

const CHDB = "@chdb/lib-linux-x64-gnu";

/** libchdb.so of the pinned npm package. */
export function chdbLibrary(): string {
  return fileURLToPath(
    new URL("libchdb.so", import.meta.resolve(`${CHDB}/package.json`)),
  );
}

/**
 * Writes sbom.cdx.json and LICENSE.third-party into `folder`; returns the versions of the two
 * runtimes.
 */
export async function writeBill(
  folder: string,
): Promise<{ denoVersion: string; chdbVersion: string }> {
  const deno: Component = {
    kind: "generic",
    name: "deno",
    version: Deno.version.deno,
    license: "MIT",
    hash: {
      alg: "SHA-256",
      content: createHash("sha256")
        .update(await Deno.readFile(Deno.execPath())).digest("hex"),
    },
    text: await denoLicense(),
  };
  const npm = await npmComponents(folder);
  const components = [deno, ...npm, ...await cargoComponents()];
  await Deno.writeTextFile(
    `${folder}/sbom.cdx.json`,
    JSON.stringify(cycloneDx(components), null, 2) + "\n",
  );
  await Deno.writeTextFile(
    `${folder}/LICENSE.third-party`,
    components.map(licenceText).join("\n"),
  );
  const chdb = npm.find(({ name }) => name === CHDB);
  return {
    denoVersion: Deno.version.deno,
    chdbVersion: chdb?.version.replaceAll("-", "~") ?? "0",
  };
}

/** The npm packages whose code is in the bundles, and the database's library. */
async function npmComponents(folder: string): Promise<Component[]> {
  const { npm } = JSON.parse(
    await Deno.readTextFile(`${ROOT}deno.lock`),
  ) as { npm: Record<string, { integrity?: string }> };
  const used = await bundledPackages(`${folder}/share`);
  const components: Component[] = [];
  for (const [key, { integrity = "" }] of Object.entries(npm)) {
    const [, name = "", version = ""] = /^(@?[^@]+)@([^_]+)/.exec(key) ?? [];
    if (name !== CHDB && !used.has(`${name}@${version}`)) continue;
    const manifest = npmFolder(name, version);
    const { license = "NOASSERTION" } = JSON.parse(
      await Deno.readTextFile(`${manifest}/package.json`),
    ) as { license?: string };
    const text = await licenceOf(manifest);
    components.push({
      kind: "npm",
      name,
      version,
      license,
      hash: {
        alg: "SHA-512",
        content: Buffer.from(integrity.replace(/^sha512-/, ""), "base64")
          .toString("hex"),
      },
      ...text === undefined ? {} : { text },
    });
  }
  return components;
}

/** `name@version` of every package that the bundler noted (bundle.ts). */
async function bundledPackages(folder: string): Promise<Set<string>> {
  const found = new Set<string>();
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) {
      for (const inner of await bundledPackages(path)) found.add(inner);
    } else if (name.endsWith(".js")) {
      const text = await Deno.readTextFile(path);
      for (
        const [, key = ""] of text.matchAll(/\bnpm:(@?[^@\s"\']+@\d[^/\s]*)\//g)
      ) {
        found.add(key);
      }
    }
  }
  return found;
}

/** Where Deno keeps a package: beside the one that the import map names. */
function npmFolder(name: string, version: string): string {
  const chdb = dirname(chdbLibrary());
  const registry = chdb.slice(0, chdb.indexOf(`/${CHDB}/`));
  return `${registry}/${name}/${version}`;
}

async function licenceOf(folder: string): Promise<string | undefined> {
  for await (const { name, isFile } of Deno.readDir(folder)) {
    if (isFile && /^licen[cs]e/i.test(name)) {
      return await Deno.readTextFile(`${folder}/${name}`);
    }
  }
  return undefined;
}

/** The crates that ja4.wasm is linked from. All are "MIT OR Apache-2.0"; the second is our own. */
async function cargoComponents(): Promise<Component[]> {
  const lock = await Deno.readTextFile(`${ROOT}wasm/Cargo.lock`);
  return [
    ...lock.matchAll(
      /name = "([^"]+)"\nversion = "([^"]+)"\nsource = [^\n]+\nchecksum = "(\w+)"/g,
    ),
  ].map(([, name = "", version = "", content = ""]) => ({
    kind: "cargo",
    name,
    version,
    license: "MIT OR Apache-2.0",
    hash: { alg: "SHA-256", content },
  }));
}

/** The licence that lies near the executable, where its npm package has put it. */
async function denoLicense(): Promise<string> {
  const folder = dirname(await Deno.realPath(Deno.execPath()));
  const candidates = ["LICENSE", "../../deno/LICENSE", "../deno/LICENSE"]
    .map((name) => `${folder}/${name}`);
  const path = candidates.find((candidate) => existsSync(candidate));
  if (path === undefined) {
    throw new FatalError(
      "noInput",
      `Cannot find Deno's licence near "${Deno.execPath()}": use the deno of npm's package "deno"`,
    );
  }
  return await Deno.readTextFile(path);
}

/** CycloneDX 1.6: https://cyclonedx.org/docs/1.6/json/ */
function cycloneDx(components: readonly Component[]): unknown {
  return {
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: {
      component: {
        type: "application",
        name: "ja4-platform",
        version: VERSION,
        licenses: [{ license: { id: "Apache-2.0" } }],
      },
    },
    components: components.map(({ kind, name, version, license, hash }) => ({
      type: "library",
      name,
      version,
      purl: `pkg:${kind}/${name.replace("@", "%40")}@${version}`,
      licenses: [{ expression: license }],
      ...hash === undefined ? {} : { hashes: [hash] },
    })),
  };
}

function licenceText({ name, version, license, text }: Component): string {
  const rule = "-".repeat(98);
  return `${rule}\n${name} ${version}: ${license}\n\n${
    text ?? "See the text of its licence in LICENSE (Apache-2.0)."
  }\n`;
}
