/**
 * The demonstration's web server: a real httpd with TLS on loopback, our module in it, and a small
 * shop to visit.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { ROOT } from "../../ctl/parts.ts";
import type { Part } from "../../ctl/supervise.ts";
import { FatalError } from "../../lib/errors.ts";
import { findHttpd, makeCertificates } from "../../tests/support/httpd.ts";

/** Host name of the demonstration's site; every name below localhost means this machine. */
export const SITE_HOST = "shop.localhost";

/** Where the server's things are. */
export interface HttpdOptions {
  /** Folder that the server's unprivileged user can reach. */
  readonly folder: string;
  readonly port: number;
  readonly tlsPort: number;
  /** mod_reqin_log.so. */
  readonly module: string;
  /** Socket that the correlator listens on. */
  readonly socket: string;
}

/** Writes site, certificate and configuration; returns the process to run. */
export async function prepareHttpd(options: HttpdOptions): Promise<Part> {
  const httpd = findHttpd();
  if (httpd === undefined) {
    throw new FatalError(
      "unavailable",
      "Cannot find httpd: run sh tools/setup.sh demo as root",
    );
  }
  const folder = `${options.folder}/httpd`;
  const site = `${options.folder}/site`;
  await Deno.mkdir(`${folder}/conf.d`, { recursive: true });
  await copySite(site);
  await Deno.writeTextFile(
    `${folder}/conf.d/shop.conf`,
    `# Every password is wrong.
<Directory "${site}">
RewriteEngine On
RewriteRule ^session$ - [R=401,L]
</Directory>
`,
  );
  // The module beside the rest: a clone below a private folder is out of reach for the children.
  const module = `${folder}/mod_reqin_log.so`;
  await Deno.copyFile(options.module, module);
  const { certificate, key } = await makeCertificates(folder);
  const defines = {
    JA4_FOLDER: folder,
    JA4_MODULES: httpd.modules,
    JA4_MODULE: module,
    JA4_SOCKET: options.socket,
    JA4_MPM: "event",
    JA4_USER: httpd.user,
    JA4_PORT: options.port,
    JA4_TLS_PORT: options.tlsPort,
    JA4_ROOT: site,
    JA4_CERTIFICATE: certificate,
    JA4_KEY: key,
  };
  return {
    name: "httpd",
    command: httpd.binary,
    args: [
      ...Object.entries(defines).flatMap(([name, value]) => [
        "-C",
        `Define ${name} "${value}"`,
      ]),
      "-f",
      `${ROOT}apache/httpd.conf`,
      "-DFOREGROUND",
      // Faults of the configuration, before the error log is open.
      "-E",
      "/dev/stderr",
    ],
    ready: { kind: "tcp", port: options.tlsPort },
  };
}

async function copySite(to: string): Promise<void> {
  const from = fileURLToPath(new URL("site/", import.meta.url));
  await Deno.mkdir(to, { recursive: true });
  for await (const { name } of Deno.readDir(from)) {
    await Deno.copyFile(`${from}${name}`, `${to}/${name}`);
  }
}
