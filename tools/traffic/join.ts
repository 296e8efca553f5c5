/** Generated traffic through the real correlator, offline. @module */
import * as v from "valibot";
import {
  filterSection,
  joinOptions,
  joinSection,
} from "../../correlate/join_config.ts";
import { joinFiles } from "../../correlate/join_files.ts";
import type { CorrelatedEvent } from "../../lib/events.ts";
import type { Traffic } from "./recorder.ts";

/** The CorrelatedEvents of `traffic`, as `deno task join` writes them. */
export async function joinTraffic(
  traffic: Pick<Traffic, "handshakes" | "requests">,
): Promise<CorrelatedEvent[]> {
  const folder = await Deno.makeTempDir({ prefix: "ja4-join-" });
  try {
    const handshakes = `${folder}/handshakes.ndjson`;
    const requests = `${folder}/requests.ndjson`;
    await writeLines(handshakes, traffic.handshakes);
    await writeLines(requests, traffic.requests);
    const pieces: string[] = [];
    await joinFiles({
      options: joinOptions(
        v.parse(joinSection, {}),
        v.parse(filterSection, {}),
        1,
      ),
      handshakes,
      requests,
      write: (text) => Promise.resolve(void pieces.push(text)),
    });
    return pieces.join("").trimEnd().split("\n").map((line) =>
      JSON.parse(line) as CorrelatedEvent
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** One JSON object a line. */
export async function writeLines(
  path: string,
  events: readonly object[],
): Promise<void> {
  const lines = events.map((event) => JSON.stringify(event) + "\n");
  await Deno.writeTextFile(path, lines.join(""));
}
