/**
 * The build: finds an application's routes, islands and static files, bundles the islands for the
 * browser, and hands all of it to the app.
 *
 * Needs to read the project and to write its own output; `Deno.bundle` asks for neither run nor
 * net permission.
 *
 * @module
 */
import { dirname, extname, join, relative, sep } from "node:path";
import { pathToFileURL } from "node:url";
import { attachSnapshot } from "./snapshot.ts";
import type { App } from "./app.ts";
import type { Snapshot, StaticFile } from "./types.ts";

// deno-lint-ignore no-explicit-any -- a build does not know its app's state
type AnyApp = App<any>;

/** Options of {@linkcode Builder.build}. */
export interface BuildOptions {
  /** @default "production" */
  readonly mode?: "development" | "production";
  /** Whether `_fresh/` is written, or everything is kept in this process. @default "disk" */
  readonly snapshot?: "disk" | "memory";
}

/** A file for the browser, by its URL path. */
type Files = Record<string, StaticFile>;

/** What the bundler made of the islands. */
interface Bundle {
  readonly buildId: string;
  /** Folder of the URLs. */
  readonly base: string;
  /** By name below `base`. */
  readonly scripts: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
  /** Name below `base` of an island or of the boot script. */
  readonly nameOf: (entry: string) => string;
}

const BOOT = join(import.meta.dirname ?? ".", "boot.ts");

const TYPES: Readonly<Record<string, string>> = {
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".ico": "image/x-icon",
  ".woff2": "font/woff2",
  ".json": "application/json",
  ".txt": "text/plain; charset=utf-8",
  ".map": "application/json",
};

export class Builder {
  readonly #root: string;
  readonly #out: string;
  readonly #serverEntry: string;

  constructor(
    options: {
      /** Folder of the application. @default Deno.cwd() */
      readonly root?: string;
      /** Where the build goes, relative to the root. @default "_fresh" */
      readonly outDir?: string;
      /** Module that exports the `app`, relative to the root. @default "main.ts" */
      readonly serverEntry?: string;
    } = {},
  ) {
    this.#root = options.root ?? Deno.cwd();
    this.#out = join(this.#root, options.outDir ?? "_fresh");
    this.#serverEntry = join(this.#root, options.serverEntry ?? "main.ts");
  }

  /**
   * Builds; returns the function that attaches the build to an app of this process, for tests.
   *
   * @throws {Error} with the bundler's messages.
   */
  async build(options: BuildOptions = {}): Promise<(app: AnyApp) => void> {
    const mode = options.mode ?? "production";
    const routes = this.#modules("routes");
    const islands = this.#modules("islands");
    const statics = new Map(
      list(join(this.#root, "static")).map((path) => [
        path,
        Deno.readFileSync(path),
      ]),
    );
    const bundle = await bundleIslands(islands, [...statics.values()], mode);
    const fixed: Files = {};
    for (const [path, bytes] of statics) {
      const url = "/" + relative(join(this.#root, "static"), path);
      fixed[url] = await describe(path, bytes, {
        content: relative(this.#root, path),
        immutable: false,
      });
    }
    return options.snapshot === "memory"
      ? await this.#inMemory({ routes, islands, bundle, fixed, mode })
      : await this.#onDisk({ routes, islands, bundle, fixed, mode });
  }

  async #inMemory(parts: Parts): Promise<(app: AnyApp) => void> {
    const { bundle } = parts;
    const files: Files = { ...parts.fixed };
    for (const [name, content] of bundle.scripts) {
      files[bundle.base + name] = await describe(name, content, {
        content,
        immutable: true,
      });
    }
    const load = (path: string) => import(pathToFileURL(path).href);
    const snapshot: Snapshot = {
      buildId: bundle.buildId,
      root: this.#root,
      boot: bundle.base + bundle.nameOf(BOOT),
      routes: await Promise.all(
        parts.routes.map(async (path) => ({
          id: this.#routeId(path),
          mod: await load(path),
        })),
      ),
      islands: await Promise.all(
        parts.islands.map(async (path) => ({
          module: bundle.base + bundle.nameOf(path),
          mod: await load(path),
        })),
      ),
      files,
    };
    return (app) => {
      app.config.mode = parts.mode;
      attachSnapshot(app, snapshot);
    };
  }

  /** Writes the scripts, snapshot.js and server.js, which exports `{ fetch }`. */
  async #onDisk(parts: Parts): Promise<(app: AnyApp) => void> {
    const { bundle } = parts;
    const files: Files = { ...parts.fixed };
    await removeIfThere(this.#out);
    for (const [name, bytes] of bundle.scripts) {
      const path = join(this.#out, "js", name);
      await Deno.mkdir(dirname(path), { recursive: true });
      await Deno.writeFile(path, bytes);
      files[bundle.base + name] = await describe(path, bytes, {
        content: relative(this.#root, path),
        immutable: true,
      });
    }
    await Deno.mkdir(this.#out, { recursive: true });
    await Deno.writeTextFile(
      join(this.#out, "snapshot.js"),
      this.#snapshotSource(parts, files),
    );
    await Deno.writeTextFile(
      join(this.#out, "server.js"),
      `// Written by the build.
import { attachSnapshot } from "fresh/internal";
import { app } from ${this.#specifier(this.#serverEntry)};
import snapshot from "./snapshot.js";
app.config.mode = ${JSON.stringify(parts.mode)};
attachSnapshot(app, snapshot);
export default { fetch: app.handler() };
`,
    );
    const { href } = pathToFileURL(join(this.#out, "snapshot.js"));
    const { default: snapshot } = await import(`${href}?${bundle.buildId}`);
    return (app) => {
      app.config.mode = parts.mode;
      attachSnapshot(app, snapshot);
    };
  }

  #snapshotSource(parts: Parts, files: Files): string {
    const { routes, islands, bundle } = parts;
    const url = (entry: string) =>
      JSON.stringify(bundle.base + bundle.nameOf(entry));
    return [
      "// Written by the build.",
      ...routes.map((path, i) =>
        `import * as r${i} from ${this.#specifier(path)};`
      ),
      ...islands.map((path, i) =>
        `import * as i${i} from ${this.#specifier(path)};`
      ),
      `export default {`,
      `  buildId: ${JSON.stringify(bundle.buildId)},`,
      `  boot: ${url(BOOT)},`,
      `  root: new URL("${
        relative(this.#out, this.#root)
      }", import.meta.url).pathname,`,
      `  routes: [`,
      ...routes.map((path, i) =>
        `    { id: ${JSON.stringify(this.#routeId(path))}, mod: r${i} },`
      ),
      `  ],`,
      `  islands: [`,
      ...islands.map((path, i) => `    { module: ${url(path)}, mod: i${i} },`),
      `  ],`,
      `  files: ${JSON.stringify(files, undefined, 2)},`,
      `};`,
      "",
    ].join("\n");
  }

  /** Modules of a folder that are not tests. */
  #modules(folder: string): string[] {
    return list(join(this.#root, folder)).filter((path) =>
      /\.[jt]sx?$/.test(path) && !/[._]test\.[jt]sx?$/.test(path)
    );
  }

  #routeId(path: string): string {
    return "/" +
      relative(join(this.#root, "routes"), path).replace(/\.[^.]+$/, "");
  }

  /** A file of the application as imported from the output folder. */
  #specifier(path: string): string {
    return JSON.stringify(relative(this.#out, path));
  }
}

/** What a build has found and made. */
interface Parts {
  readonly routes: readonly string[];
  readonly islands: readonly string[];
  readonly bundle: Bundle;
  readonly fixed: Files;
  readonly mode: "development" | "production";
}

/** One entry an island, plus the script that hydrates them; what they share is split off. */
async function bundleIslands(
  islands: readonly string[],
  statics: readonly Uint8Array<ArrayBuffer>[],
  mode: "development" | "production",
): Promise<Bundle> {
  const entries = [...islands, BOOT];
  const outputDir = join(dirname(BOOT), "_bundle"); // only a prefix of names: nothing is written
  const result = await Deno.bundle({
    entrypoints: entries,
    outputDir,
    write: false,
    platform: "browser",
    format: "esm",
    codeSplitting: true,
    minify: mode === "production",
    ...(mode === "development" ? { sourcemap: "linked" } : {}),
  });
  if (!result.success) {
    throw new Error(result.errors.map((error) => error.text).join("\n"));
  }
  const outputs = (result.outputFiles ?? []).map((file) => ({
    name: relative(outputDir, file.path),
    bytes: file.contents ?? new Uint8Array(),
  })).toSorted((a, b) => a.name < b.name ? -1 : 1);
  const scripts = new Map(outputs.map(({ name, bytes }) => [name, bytes]));
  const buildId = (await digest(...scripts.values(), ...statics)).slice(0, 16);
  // The bundler keeps the entries' paths below their common folder.
  const common = commonFolder(entries);
  return {
    buildId,
    base: `/_fresh/js/${buildId}/`,
    scripts,
    nameOf: (entry) => {
      const name = relative(common, entry).replace(/\.[jt]sx?$/, ".js");
      if (!scripts.has(name)) {
        throw new Error(`No script was built for ${entry}`);
      }
      return name;
    },
  };
}

function commonFolder(paths: readonly string[]): string {
  const [first = [], ...others] = paths.map((path) => dirname(path).split(sep));
  const differs = first.findIndex((part, i) =>
    others.some((other) => other[i] !== part)
  );
  return (differs < 0 ? first : first.slice(0, differs)).join(sep) || sep;
}

async function describe(
  path: string,
  bytes: Uint8Array<ArrayBuffer>,
  file: Pick<StaticFile, "content" | "immutable">,
): Promise<StaticFile> {
  return {
    ...file,
    type: TYPES[extname(path)] ?? "application/octet-stream",
    etag: `"${(await digest(bytes)).slice(0, 16)}"`,
  };
}

/** All files below a folder, sorted; none if there is no such folder. */
function list(folder: string): string[] {
  try {
    return [...Deno.readDirSync(folder)].flatMap((entry) => {
      const path = join(folder, entry.name);
      return entry.isDirectory ? list(path) : [path];
    }).sort();
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return [];
    throw thrown;
  }
}

async function removeIfThere(path: string): Promise<void> {
  try {
    await Deno.remove(path, { recursive: true });
  } catch (thrown) {
    if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
  }
}

async function digest(
  ...parts: readonly Uint8Array<ArrayBuffer>[]
): Promise<string> {
  const bytes = await new Blob([...parts]).arrayBuffer();
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}
