/** httpd with the module in a temporary folder: what the tests of the module share. @module */
import { temporaryFolder } from "../../lib/testing.ts";
import {
  buildModule,
  type Httpd,
  type HttpdOptions,
  makeCertificates,
  startHttpd,
} from "./httpd.ts";

/** One child, so that its sequence and its counters are those of the server. */
export const ONE_CHILD =
  "ServerLimit 1\nStartServers 1\nMaxRequestWorkers 25\n";

export interface Site extends AsyncDisposable {
  /** Where httpd writes; `htdocs` in it is the document root. */
  readonly folder: string;
  /** What the module sends to; nothing is there yet. */
  readonly socketPath: string;
  readonly httpd: Httpd;
  /** Options for curl to trust the server. */
  readonly trust: readonly string[];
  /** Start of a URL. */
  readonly http: string;
  readonly https: string;
}

/** A running httpd in a temporary folder, with its own authority; all gone at the end of the scope. */
export async function startSite(
  options: Partial<
    Pick<HttpdOptions, "mpm" | "extra" | "modulePath" | "env">
  > = {},
): Promise<Site> {
  const temporary = await temporaryFolder();
  const folder = temporary.path;
  // The children run as another user.
  await Deno.chmod(folder, 0o755);
  try {
    const certificates = await makeCertificates(folder);
    const socketPath = `${folder}/http.socket`;
    const httpd = await startHttpd({
      modulePath: options.modulePath ?? await buildModule(),
      socketPath,
      folder,
      certificates,
      ...options,
    });
    return {
      folder,
      socketPath,
      httpd,
      trust: ["--cacert", certificates.authority],
      http: `http://localhost:${httpd.port}`,
      https: `https://localhost:${httpd.tlsPort}`,
      async [Symbol.asyncDispose]() {
        await httpd.stop();
        await temporary[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await temporary[Symbol.asyncDispose]();
    throw error;
  }
}
