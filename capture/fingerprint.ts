/**
 * `deno task fingerprint FILE...`: capture files in, HandshakeEvents on standard output, one line
 * per ClientHello. A file that cannot be read is reported and the others are still processed. The
 * files are read inside the parser's sandbox: no library of the system sees their bytes.
 *
 * @module
 */
import * as v from "valibot";
import { EXIT, FatalError, messageOf } from "../lib/errors.ts";
import { main, type Program, report } from "../lib/program.ts";
import { compileParser, type LineSink, Parser } from "../wasm/mod.ts";
import { LineBuffer } from "./line_buffer.ts";

const schema = v.strictObject({});

/** The program behind `deno task fingerprint`. */
export const program: Program<typeof schema> = {
  name: "fingerprint",
  summary: "JA4 and JA3 fingerprints of the ClientHellos in capture files",
  usage: "FILE...",
  help: "  FILE                pcap or pcapng; - is standard input\n",
  schema,
  positionals: true,
  async run({ positionals, signal }) {
    if (positionals.length === 0) {
      throw new FatalError("usage", "No file is named\nTry --help");
    }
    const out = new LineBuffer((bytes) => Deno.stdout.writeSync(bytes));
    const parser = new Parser(await compileParser());
    let exit: number = EXIT.ok;
    for (const path of positionals) {
      if (signal.aborted) break;
      try {
        fingerprintFile(parser, path, (lines) => out.write(lines));
      } catch (thrown) {
        if (!(thrown instanceof FatalError)) throw thrown;
        if (thrown.exit !== "noInput") throw thrown;
        report(program.name, thrown);
        exit = EXIT.failed;
      }
    }
    out.flush();
    return exit;
  },
};

/** Bytes read at a time: what the parser walks through while it is in the processor's cache. */
const PIECE_BYTES = 1024 * 1024;

/**
 * Writes the events of one file to `sink`; `-` is standard input. What was read before a failure
 * has been written.
 *
 * @throws {FatalError} `noInput` if the file is no capture, or broken from some packet on.
 */
export function fingerprintFile(
  parser: Parser,
  path: string,
  sink: LineSink,
): void {
  using file = openInput(path);
  fingerprintInput(parser, path, file, sink);
}

/** As {@linkcode fingerprintFile}, for what is open already. */
export function fingerprintInput(
  parser: Parser,
  path: string,
  file: Input,
  sink: LineSink,
): void {
  const before = parser.counters();
  const { complete, malformed, truncated, gap, sslv2 } = before;
  parser.beginFile({
    context: { sensor: "fingerprint", boot: 0, in_iface: path },
    sequence: complete + malformed + truncated + gap + sslv2,
  });
  const failure = readPieces(parser, file, sink);
  parser.finish(sink);
  if (failure === undefined) return;
  const { packets } = parser.counters();
  const read = packets === before.packets
    ? "Cannot read"
    : "Cannot read all of";
  throw new FatalError("noInput", `${read} "${path}": ${failure}`);
}

/** Hands the whole of `file` to the parser; returns why that was not possible. */
function readPieces(
  parser: Parser,
  file: Input,
  sink: LineSink,
): string | undefined {
  const { batch } = parser;
  let kept = 0;
  let empty = true;
  while (true) {
    const end = Math.min(kept + PIECE_BYTES, batch.length);
    let count: number | null;
    try {
      count = file.readSync(batch.subarray(kept, end));
    } catch (thrown) {
      return messageOf(thrown);
    }
    if (count === null) break;
    empty = false;
    const { taken, fault } = parser.parseFile(kept + count, sink);
    if (fault !== "") return fault;
    batch.copyWithin(0, taken, kept + count);
    kept += count - taken;
  }
  if (empty) return "it is empty";
  return kept > 0 ? "it ends within a packet" : undefined;
}

/** A file or a pipe. */
export interface Input {
  /** As `Deno.FsFile.readSync` does; null at the end. */
  readSync(bytes: Uint8Array): number | null;
}

/** @throws {FatalError} `noInput` */
function openInput(path: string): Input & Disposable {
  if (path === "-") {
    return {
      readSync: (bytes) => Deno.stdin.readSync(bytes),
      [Symbol.dispose]: () => {},
    };
  }
  const refuse = (why: string, cause?: unknown): never => {
    throw new FatalError("noInput", `Cannot read "${path}": ${why}`, { cause });
  };
  try {
    const file = Deno.openSync(path);
    if (!file.statSync().isDirectory) return file;
    file.close();
  } catch (thrown) {
    const why = messageOf(thrown).replace(/: open '.*$/s, "");
    return refuse(why, thrown);
  }
  return refuse("it is a folder");
}

if (import.meta.main) await main(program);
