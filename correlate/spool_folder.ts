/** The spool's folder: its lock, its state, and what goes wrong with it. @module */
import { crc32 } from "node:zlib";
import { FatalError, messageOf } from "../lib/errors.ts";

/** Everything up to this batch is delivered. */
export interface Delivered {
  readonly epoch: number;
  readonly segment: number;
  readonly batch: number;
}

/** What the spool knows besides its segments. */
export interface State {
  readonly spoolId: bigint;
  readonly epoch: number;
  readonly delivered?: Delivered | undefined;
}

/**
 * Makes the folder and takes its lock, which goes with the file or the process. It is tried for a
 * moment: a child that is just being started shares the files of its parent until it is replaced by
 * its program, and with them the lock that the parent gave up.
 *
 * @throws {FatalError} `unavailable` if another process has it.
 */
export function lockFolder(dir: string): Deno.FsFile {
  let lock: Deno.FsFile;
  try {
    Deno.mkdirSync(dir, { recursive: true, mode: 0o700 });
    lock = Deno.openSync(`${dir}/lock`, {
      create: true,
      write: true,
      mode: 0o600,
    });
  } catch (thrown) {
    throw folderFault(dir, thrown);
  }
  for (let tries = 0; tries < LOCK_TRIES; tries++) {
    if (lock.tryLockSync(EXCLUSIVE)) return lock;
    Atomics.wait(PAUSE, 0, 0, LOCK_PAUSE_MS);
  }
  lock.close();
  throw new FatalError(
    "unavailable",
    `Cannot use the spool "${dir}": another process has it locked`,
  );
}

const EXCLUSIVE = true;
const LOCK_TRIES = 25;
const LOCK_PAUSE_MS = 10;
/** Waited on to pause; never woken. */
const PAUSE = new Int32Array(new SharedArrayBuffer(4));

/** An error of the folder as one line for the operator; anything else as it is. */
export function folderFault(dir: string, thrown: unknown): unknown {
  const denied = thrown instanceof Deno.errors.PermissionDenied ||
    thrown instanceof Deno.errors.NotCapable;
  if (!denied && !(thrown instanceof Error && "code" in thrown)) return thrown;
  return new FatalError(
    denied ? "noPermission" : "noInput",
    `Cannot use the spool "${dir}": ${messageOf(thrown)}`,
    { cause: thrown },
  );
}

/** Epochs of the segments in the folder, by their names. */
export function epochsOf(dir: string): number[] {
  return [...Deno.readDirSync(dir)]
    .map(({ name }) => parseInt(/^([0-9a-f]{8})-/.exec(name)?.[1] ?? "0", 16));
}

/** Text, so that a person can read it: hexadecimal fields and their CRC-32. */
export function writeState(
  dir: string,
  { spoolId, epoch, delivered }: State,
): void {
  const fields = [
    spoolId,
    epoch,
    delivered?.epoch ?? 0,
    delivered?.segment ?? 0,
    delivered?.batch ?? 0,
  ];
  const text = fields.map((field) => field.toString(16)).join(" ");
  const path = `${dir}/state`;
  Deno.writeTextFileSync(`${path}.new`, `${text} ${hex32(crc32(text))}\n`, {
    mode: 0o600,
  });
  Deno.renameSync(`${path}.new`, path);
}

/** Undefined if there is none or it is damaged: then tokens start anew, under a new spool id. */
export function readState(dir: string): State | undefined {
  let line: string;
  try {
    line = Deno.readTextFileSync(`${dir}/state`).trimEnd();
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return undefined;
    throw thrown;
  }
  const space = line.lastIndexOf(" ");
  const text = line.slice(0, space);
  if (hex32(crc32(text)) !== line.slice(space + 1)) return undefined;
  const [id = "0", ...numbers] = text.split(" ");
  const [epoch = 0, deliveredEpoch = 0, segment = 0, batch = 0] = numbers.map((
    field,
  ) => parseInt(field, 16));
  const delivered = deliveredEpoch === 0
    ? undefined
    : { epoch: deliveredEpoch, segment, batch };
  return { spoolId: BigInt(`0x${id}`), epoch, delivered };
}

/** A new file is safe only once its folder is. */
export function syncFolder(dir: string): void {
  using folder = Deno.openSync(dir);
  folder.syncSync();
}

/** Eight hexadecimal digits. */
export function hex32(value: number): string {
  return value.toString(16).padStart(8, "0");
}
