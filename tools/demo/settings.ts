/**
 * Where everything of one demonstration lives: its ports, its folders, and the configuration of
 * each part.
 *
 * @module
 */
import { stringify } from "smol-toml";
import { PART_NAMES, type PartConfig, type PartName } from "../../ctl/parts.ts";

/** Ports of a demonstration, all on 127.0.0.1. */
export interface Ports {
  readonly web: number;
  readonly https: number;
  /** The same site without TLS. */
  readonly http: number;
  readonly store: number;
  readonly correlate: number;
  readonly detect: number;
  readonly capture: number;
}

/** What the configuration of the parts depends on. */
export interface Settings {
  readonly ports: Ports;
  /** Folder of the demonstration, absolute. */
  readonly folder: string;
  /** Folder that httpd's unprivileged user can reach: site and sockets. */
  readonly publicFolder: string;
}

/** Seconds between two looks of the detector; five minutes in production. */
const CYCLE_S = 5;

/** Paths of the sockets that the parts meet at. */
export function socketsOf(
  { publicFolder }: Settings,
): { network: string; http: string } {
  return {
    network: `${publicFolder}/network.socket`,
    http: `${publicFolder}/http.socket`,
  };
}

/** A database user's section, with the password that the store drew. */
export function databaseSection(
  { ports, folder }: Settings,
  username: "ja4" | "web" | "app",
): { url: string; username: string; password_file: string } {
  return {
    url: `http://127.0.0.1:${ports.store}`,
    username,
    password_file: `${folder}/store/secrets/${username}.password`,
  };
}

/** The configuration of every part. */
export function partConfigs(
  settings: Settings,
): Record<PartName, Record<string, unknown>> {
  const { ports, folder } = settings;
  const sockets = socketsOf(settings);
  const clickhouse = databaseSection(settings, "ja4");
  const listen = (port: number): string => `127.0.0.1:${port}`;
  return {
    store: {
      store: { listen: listen(ports.store), dir: `${folder}/store` },
    },
    correlate: {
      network: { path: sockets.network },
      // The children of httpd are of another user.
      http: { path: sockets.http, mode: "0666" },
      spool: { dir: `${folder}/spool` },
      clickhouse,
      health: { listen: listen(ports.correlate) },
    },
    detect: {
      detect: { cycle_s: CYCLE_S },
      clickhouse,
      health: { listen: listen(ports.detect) },
    },
    capture: {
      capture: { interface: "lo", ports: [ports.https], sensor: "demo" },
      socket: { path: sockets.network },
      health: { listen: listen(ports.capture) },
    },
    web: {
      web: { listen: listen(ports.web) },
      clickhouse: databaseSection(settings, "web"),
      app: databaseSection(settings, "app"),
    },
  };
}

/** Writes the files and returns them by part. */
export async function writeConfigs(
  settings: Settings,
): Promise<Map<PartName, PartConfig>> {
  const configs = partConfigs(settings);
  const folder = `${settings.folder}/etc`;
  await Deno.mkdir(folder, { recursive: true });
  const written = new Map<PartName, PartConfig>();
  for (const name of PART_NAMES) {
    const file = `${folder}/${name}.toml`;
    await Deno.writeTextFile(file, stringify(configs[name]));
    written.set(name, { file, content: configs[name] });
  }
  return written;
}
