/**
 * `deno task fingerprint FILE...`: capture files in, HandshakeEvents on standard output, one line
 * per ClientHello. A file that cannot be read is reported and the others are still processed.
 *
 * @module
 */
import * as v from "valibot";
import { Capture } from "../ffi/pcap.ts";
import { EXIT, FatalError } from "../lib/errors.ts";
import { main, type Program, report } from "../lib/program.ts";
import { compileParser, type LineSink, Parser } from "../wasm/mod.ts";
import { LineBuffer } from "./line_buffer.ts";

const schema = v.strictObject({});

/** The program behind `deno task fingerprint`. */
export const program: Program<typeof schema> = {
  name: "fingerprint",
  summary: "JA4 and JA3 fingerprints of the ClientHellos in capture files",
  usage: "FILE...",
  help: "  FILE                pcap or pcapng\n",
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

/**
 * Writes the events of one file to `sink`. What was read before a failure has been written.
 *
 * @throws {FatalError} `noInput` if the file is no capture, or broken from some packet on.
 */
export function fingerprintFile(
  parser: Parser,
  path: string,
  sink: LineSink,
): void {
  using capture = Capture.openFile(path, parser.batch);
  const { complete, malformed, truncated, gap, sslv2 } = parser.counters();
  parser.begin({
    linkType: capture.linkType,
    context: { sensor: "fingerprint", boot: 0, in_iface: path },
    sequence: complete + malformed + truncated + gap + sslv2,
  });
  let oversized = 0;
  let failure: string | undefined;
  while (true) {
    const batch = capture.read();
    if (batch.bytes > 0) parser.parse(batch.bytes, sink);
    oversized += batch.oversized;
    failure = batch.failure;
    if (batch.packets === 0) break;
  }
  parser.finish(sink);
  if (oversized > 0) failure ??= `${oversized} packets are too long`;
  if (failure !== undefined) {
    throw new FatalError("noInput", `Cannot read all of "${path}": ${failure}`);
  }
}

if (import.meta.main) await main(program);
