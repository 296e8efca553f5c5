/** The files, folders and sockets that the parts' configuration names: there, and rightly owned. @module */
import { messageOf } from "../../lib/errors.ts";
import { numberOf, textOf } from "../host_config.ts";
import { PART_NAMES, type PartName } from "../parts.ts";
import { failure, type Finding, ok, type Patient, warning } from "./finding.ts";

const OTHERS_READ = 0o004;
const OTHERS_WRITE = 0o002;
const GROUP_READ = 0o040;
const GROUP_WRITE = 0o020;
const OWNER_WRITE = 0o200;

/** Group of those who may send events, where the configuration names none. */
const FEED_GROUP = "ja4-feed";

/** Findings on sockets, folders and secrets. */
export async function examineFiles(patient: Patient): Promise<Finding[]> {
  const { configs } = patient;
  const groups = await readIds("/etc/group");
  const users = await readIds("/etc/passwd");
  const secrets: Finding[] = [];
  for (const part of PART_NAMES) {
    const user = users.get(await patient.userOf(part) ?? "");
    for (const [key, path] of namedFiles(configs[part].content)) {
      const found = await findSecret(part, key, path, user);
      if (found !== undefined) secrets.push(found);
    }
  }
  return [
    await findSocket(patient, "network", groups),
    await findSocket(patient, "http", groups),
    await findSpool(patient, users),
    ...secrets,
  ];
}

async function findSocket(
  { configs }: Patient,
  section: "network" | "http",
  groups: ReadonlyMap<string, Identity>,
): Promise<Finding> {
  const path = textOf(configs.correlate, section, "path");
  const what = `socket ${path}`;
  let info: Deno.FileInfo;
  try {
    info = await Deno.stat(path);
  } catch (thrown) {
    return thrown instanceof Deno.errors.NotFound
      ? failure(what, "not there", "start correlate")
      : failure(what, messageOf(thrown), "see who may enter its folder");
  }
  const mode = (info.mode ?? 0) & 0o777;
  const shown = `mode ${mode.toString(8)}`;
  if (!info.isSocket) {
    return failure(
      what,
      "something else is there",
      "remove it and restart correlate",
    );
  }
  if ((mode & OTHERS_WRITE) !== 0) {
    return warning(
      what,
      `${shown}: anyone on this host may send events`,
      `set [${section}] mode = "0660" and restart correlate`,
    );
  }
  if ((mode & GROUP_WRITE) === 0) {
    return failure(
      what,
      `${shown}: its group may not write`,
      `set [${section}] mode = "0660" and restart correlate`,
    );
  }
  const name = textOf(configs.correlate, section, "group") || FEED_GROUP;
  const group = groups.get(name);
  if (group !== undefined && info.gid !== group.id) {
    const own = [...groups].find(([, { id }]) => id === info.gid)?.[0];
    return failure(
      what,
      `its group is ${own ?? info.gid} and not ${name}`,
      `set [${section}] group = "${name}", or the group of its folder, and restart correlate`,
    );
  }
  return ok(what, shown);
}

async function findSpool(
  { configs, userOf }: Patient,
  users: ReadonlyMap<string, Identity>,
): Promise<Finding> {
  const path = textOf(configs.correlate, "spool", "dir");
  const what = `spool ${path}`;
  let info: Deno.FileInfo;
  try {
    info = await Deno.stat(path);
  } catch (thrown) {
    return failure(
      what,
      thrown instanceof Deno.errors.NotFound ? "not there" : messageOf(thrown),
      "start correlate, which makes it, or set [spool] dir",
    );
  }
  const user = users.get(await userOf("correlate") ?? "")?.id ?? Deno.uid();
  const mayWrite = user === 0 ||
    info.uid === user && ((info.mode ?? 0) & OWNER_WRITE) !== 0;
  if (!info.isDirectory || !mayWrite) {
    return failure(
      what,
      info.isDirectory
        ? `correlate may not write to it (owner ${info.uid}, mode ${
          ((info.mode ?? 0) & 0o777).toString(8)
        })`
        : "it is no folder",
      "make it the folder of correlate's user alone: chown, chmod 0750",
    );
  }
  const held = await spoolBytes(path);
  const most = numberOf(configs.correlate, "spool", "max_bytes", 2 ** 30);
  const share = Math.round(100 * held / most);
  return share < 80 ? ok(what, `${share} % full`) : failure(
    what,
    `${share} % full: rows are about to be lost`,
    "bring the database back, or raise [spool] max_bytes",
  );
}

async function spoolBytes(folder: string): Promise<number> {
  let bytes = 0;
  for await (const { name, isFile } of Deno.readDir(folder)) {
    // A segment may be delivered and removed meanwhile.
    if (isFile) {
      bytes += await Deno.stat(`${folder}/${name}`).then(
        ({ size }) => size,
        () => 0,
      );
    }
  }
  return bytes;
}

/** Keys ending in `_file`, as `section.key`, with their paths. */
function namedFiles(
  content: Readonly<Record<string, unknown>>,
): [string, string][] {
  return Object.entries(content).flatMap(([section, keys]) =>
    Object.entries(keys as Readonly<Record<string, unknown>>).flatMap((
      [key, value],
    ): [string, string][] =>
      key.endsWith("_file") && typeof value === "string" && value !== ""
        ? [[`${section}.${key}`, value]]
        : []
    )
  );
}

/** Undefined if there is nothing to say. */
async function findSecret(
  part: PartName,
  key: string,
  path: string,
  user: Identity | undefined,
): Promise<Finding | undefined> {
  const what = `file ${path}`;
  try {
    const { mode, uid, gid } = await Deno.stat(path);
    const bits = mode ?? 0;
    if (!key.endsWith("ca_file") && (bits & OTHERS_READ) !== 0) {
      return failure(
        what,
        `anyone on this host may read it (${part}.toml, ${key})`,
        `run chmod 0640 ${path}`,
      );
    }
    const mayRead = user === undefined || uid === user.id ||
      (bits & OTHERS_READ) !== 0 ||
      gid === user.group && (bits & GROUP_READ) !== 0;
    return mayRead ? undefined : failure(
      what,
      `${part} may not read it (${key})`,
      `give it to the group of ja4-${part}: chgrp, chmod 0640`,
    );
  } catch (thrown) {
    const missing = thrown instanceof Deno.errors.NotFound;
    return failure(
      what,
      `${
        missing ? "not there" : messageOf(thrown)
      }; ${part}.toml names it as ${key}`,
      "write it, or correct the path",
    );
  }
}

interface Identity {
  readonly id: number;
  /** The fourth field: a user's group. */
  readonly group: number;
}

/** Names of /etc/passwd or /etc/group with their numbers. */
async function readIds(path: string): Promise<Map<string, Identity>> {
  const text = await Deno.readTextFile(path).catch(() => "");
  return new Map(
    text.trim().split("\n").map((line) => {
      const [name = "", , id, group] = line.split(":");
      return [name, { id: Number(id), group: Number(group) }];
    }),
  );
}
