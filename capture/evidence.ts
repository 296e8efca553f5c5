/**
 * What was captured, kept as evidence: a ring of pcapng files, bounded in size and number, the
 * oldest of which is removed for a new one.
 *
 * The capture never waits for the disk. What the disk does not take in time, or at all, is
 * dropped and counted; a file that a write has failed in is cut back to its last whole packet.
 *
 * @module
 */
import { basename, dirname, extname, join } from "node:path";
import { messageOf } from "../lib/errors.ts";
import { evidenceBacklogBytes } from "../lib/limits.ts";
import type { Logger } from "../lib/log.ts";
import { type Blocks, type FileFacts, fileHead } from "./pcap_records.ts";

/** What an {@linkcode EvidenceRing} is made of. */
export interface EvidenceOptions {
  /** `FOLDER/STEM.EXT`; the files are `FOLDER/STEM_TIME_NUMBER.EXT`. */
  readonly path: string;
  /** Most bytes of a file. */
  readonly fileBytes: number;
  /** Most files, one of them being written. */
  readonly fileCount: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly log: Logger;
}

/** Pause after a failed write before the next file is begun, milliseconds. */
const RETRY_MS = 1000;
/** Time given at the end to what waits. */
const DRAIN_MS = 100;

interface Piece extends Blocks {
  readonly facts: FileFacts;
}

/** Writes what it is given, in order, to the newest file. */
export class EvidenceRing {
  readonly #options: EvidenceOptions;
  readonly #waiting: Piece[] = [];
  #waitingBytes = 0;
  #wake = Promise.withResolvers<void>();
  #stopping = false;
  /** Nothing is written until then, milliseconds since the epoch. */
  #blockedUntil = 0;
  #failing = false;
  #file: OpenFile | undefined;
  #number = 0;
  #packetsWritten = 0;
  #packetsDropped = 0;
  readonly #finished: Promise<void>;

  constructor(options: EvidenceOptions) {
    this.#options = options;
    this.#finished = this.#run();
  }

  get packetsWritten(): number {
    return this.#packetsWritten;
  }

  /** Packets that were captured and could not be kept. */
  get packetsDropped(): number {
    return this.#packetsDropped;
  }

  /** Takes packets of an interface, in pieces of which several fit a file. */
  push(pieces: readonly Blocks[], facts: FileFacts): void {
    for (const piece of pieces) {
      if (this.#waitingBytes + piece.bytes.length > evidenceBacklogBytes) {
        this.#packetsDropped += piece.packets;
        continue;
      }
      this.#waiting.push({ ...piece, facts });
      this.#waitingBytes += piece.bytes.length;
    }
    this.#wake.resolve();
  }

  /** Writes what waits, for a tenth of a second at most; the rest is counted. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#wake.resolve();
    const timer = setTimeout(() => this.#dropWaiting(), DRAIN_MS);
    await this.#finished;
    clearTimeout(timer);
  }

  async #run(): Promise<void> {
    while (true) {
      const piece = this.#waiting.shift();
      if (piece === undefined) {
        if (this.#stopping) break;
        await this.#wake.promise;
        this.#wake = Promise.withResolvers();
        continue;
      }
      this.#waitingBytes -= piece.bytes.length;
      await this.#write(piece);
    }
    this.#file?.file.close();
  }

  #dropWaiting(): void {
    for (const { packets } of this.#waiting.splice(0)) {
      this.#packetsDropped += packets;
    }
    this.#waitingBytes = 0;
  }

  async #write(piece: Piece): Promise<void> {
    const { now, log } = this.#options;
    if (now() < this.#blockedUntil) {
      this.#packetsDropped += piece.packets;
      return;
    }
    try {
      const file = await this.#fileFor(piece);
      await writeAll(file.file, piece.bytes);
      file.bytes += piece.bytes.length;
      this.#packetsWritten += piece.packets;
      if (this.#failing) log.info("Evidence is kept again", this.#fields());
      this.#failing = false;
    } catch (thrown) {
      this.#packetsDropped += piece.packets;
      this.#blockedUntil = now() + RETRY_MS;
      if (!this.#failing) {
        log.error("Cannot keep evidence; captured packets are not written", {
          ...this.#fields(),
          reason: messageOf(thrown),
        });
      }
      this.#failing = true;
      await this.#giveUpFile();
    }
  }

  /** The open file if the piece fits and comes from the same interface, else a new one. */
  async #fileFor({ bytes, facts }: Piece): Promise<OpenFile> {
    const { fileBytes } = this.#options;
    const open = this.#file;
    if (
      open !== undefined && open.bytes + bytes.length <= fileBytes &&
      open.facts.interface === facts.interface &&
      open.facts.linkType === facts.linkType
    ) return open;
    open?.file.close();
    this.#file = undefined;
    await this.#makeRoom();
    const path = this.#nextPath();
    const file = await Deno.open(path, {
      write: true,
      createNew: true,
      mode: 0o640,
    });
    // Known before it is whole, so that a failure of the head is cut away too.
    const next: OpenFile = { path, file, facts, bytes: 0 };
    this.#file = next;
    const head = fileHead(facts);
    await writeAll(file, head);
    next.bytes = head.length;
    return next;
  }

  /** After a failed write: what is whole stays, an empty file goes. */
  async #giveUpFile(): Promise<void> {
    const open = this.#file;
    if (open === undefined) return;
    this.#file = undefined;
    try {
      await open.file.truncate(open.bytes);
      open.file.close();
      if (open.bytes === 0) await Deno.remove(open.path);
    } catch (thrown) {
      this.#options.log.warn("A file of evidence ends within a packet", {
        path: open.path,
        reason: messageOf(thrown),
      });
    }
  }

  /** Removes the oldest files, also those of earlier runs, until one more is allowed. */
  async #makeRoom(): Promise<void> {
    const { path, fileCount } = this.#options;
    const folder = dirname(path);
    const names: string[] = [];
    for await (const { name, isFile } of Deno.readDir(folder)) {
      if (isFile && this.#isOurs(name)) names.push(name);
    }
    const count = Math.max(0, names.length - fileCount + 1);
    // The names sort by time.
    for (const name of names.sort().slice(0, count)) {
      await Deno.remove(join(folder, name));
    }
  }

  #isOurs(name: string): boolean {
    const { stem, extension } = partsOf(this.#options.path);
    return name.startsWith(`${stem}_`) && name.endsWith(extension) &&
      /^\d{8}T\d{9}Z_\d{5}$/.test(
        name.slice(stem.length + 1, name.length - extension.length),
      );
  }

  #nextPath(): string {
    const { path, now } = this.#options;
    const { stem, extension } = partsOf(path);
    const time = new Date(now()).toISOString().replaceAll(/[-:.]/g, "");
    this.#number = this.#number % 99_999 + 1;
    const number = String(this.#number).padStart(5, "0");
    return join(dirname(path), `${stem}_${time}_${number}${extension}`);
  }

  #fields(): Record<string, unknown> {
    return {
      path: this.#options.path,
      packets_dropped: this.#packetsDropped,
    };
  }
}

interface OpenFile {
  readonly path: string;
  readonly file: Deno.FsFile;
  readonly facts: FileFacts;
  /** Whole blocks written. */
  bytes: number;
}

function partsOf(path: string): { stem: string; extension: string } {
  const extension = extname(path);
  return {
    stem: basename(path, extension),
    extension: extension === "" ? ".pcapng" : extension,
  };
}

async function writeAll(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    at += await file.write(bytes.subarray(at));
  }
}
