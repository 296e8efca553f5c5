/**
 * Makes docs/conformance.md: `deno task conformance`.
 *
 * Reads every capture of the reference sets and of tests/cases with our parser, and with tshark and
 * ndpiReader where they are installed; what those two gave is kept in tools/conformance.json, so
 * that the document can be made, and checked, where they are not.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { exists } from "../lib/testing.ts";
import { cases, inputOf } from "../tests/support/capture_cases.ts";
import { eventsOfFile, newParser } from "../tests/support/fingerprint.ts";

const ROOT = new URL("..", import.meta.url);
const DOCUMENT = new URL("docs/conformance.md", ROOT);
const RECORD = new URL("tools/conformance.json", ROOT);
const FOXIO = new URL("../shared/corpus/foxio/", ROOT);
const EDGE = new URL("tests/cases/edge/", ROOT);

/** A capture and what is known of it. */
interface Capture {
  /** Name of the set and of the file in it. */
  readonly name: string;
  readonly path: string;
  /** What it shows. */
  readonly shows: string;
  /** Who reads it otherwise, by their sources and published data. */
  readonly others: string;
}

/** What is kept of a capture: results as the tables print them. */
interface Results {
  readonly ours: string;
  readonly tshark?: string;
  readonly ndpi?: string;
}

/** tools/conformance.json. */
interface Recorded {
  readonly versions: { readonly tshark: string; readonly ndpi: string };
  readonly captures: Readonly<
    Record<string, Results & Pick<Capture, "shows" | "others">>
  >;
}

/** The tools beside which we stand: how they are asked for JA3. */
const TOOLS = {
  tshark: (path: string) => [
    "tshark",
    ..."-T fields -E occurrence=a -e tls.handshake.ja3 -e dtls.handshake.ja3"
      .split(" "),
    "-r",
    path,
  ],
  ndpi: (path: string) => ["ndpiReader", "-t", "-v", "2", "-i", path],
} as const;

/** What the document says now, of the parser as it is and the recorded results of the others. */
export async function conformanceDocument(
  recorded?: Recorded,
): Promise<string> {
  recorded ??= JSON.parse(await Deno.readTextFile(RECORD)) as Recorded;
  const { versions, captures } = recorded;
  const rows = new Map<string, Results & Pick<Capture, "shows" | "others">>();
  // Captures that are not here (the FoxIO set is not ours to give away) stand as recorded.
  for (const [name, results] of Object.entries(captures)) {
    if (name.startsWith("foxio/")) rows.set(name, results);
  }
  for (const capture of await allCaptures()) {
    const { shows, others } = capture;
    const { tshark, ndpi } = captures[capture.name] ?? {};
    rows.set(capture.name, {
      shows,
      others,
      ours: oursOf(capture.path).text,
      tshark: tshark ?? "not measured",
      ndpi: ndpi ?? "not measured",
    });
  }
  const set = (prefix: string) =>
    [...rows].filter(([name]) => name.startsWith(prefix))
      .sort(([a], [b]) => a < b ? -1 : 1);
  const sets = [
    { title: "Edge set", prefix: "edge/" },
    { title: "FoxIO set", prefix: "foxio/" },
    { title: "Own cases", prefix: "cases/" },
  ];
  const agrees = (prefix: string, tool: "tshark" | "ndpi") => {
    const all = set(prefix);
    return `${
      all.filter(([_, row]) => row[tool] === SAME).length
    } of ${all.length}`;
  };
  const summary = sets.map(({ title, prefix }) =>
    `| ${title} | ${set(prefix).length} | ${agrees(prefix, "tshark")} | ${
      agrees(prefix, "ndpi")
    } |`
  );
  const tables = sets.map(({ title, prefix }) =>
    [
      `## ${title}`,
      "",
      ABOUT[prefix],
      "",
      `| capture | shows | ours | tshark | ndpiReader | others |`,
      "|---|---|---|---|---|---|",
      ...set(prefix).map(([name, row]) =>
        `| ${
          name.slice(prefix.length)
        } | ${row.shows} | ${row.ours} | ${row.tshark} | ${row.ndpi} | ${row.others} |`
      ),
    ].join("\n")
  );
  return [
    HEAD,
    `tshark is ${versions.tshark}, ndpiReader ${versions.ndpi} (with \`-t\`, which opens tunnels), both Debian's.`,
    "",
    "| set | captures | tshark agrees | ndpiReader agrees |",
    "|---|---|---|---|",
    ...summary,
    "",
    READINGS,
    "",
    ...tables.join("\n\n").split("\n"),
    "",
  ].join("\n");
}

const SAME = "same";

const ABOUT: Readonly<Record<string, string>> = {
  "edge/":
    "Synthetic captures with one ruling each, in tests/cases/edge with their values. tests/conformance_test.ts compares ja4, ja4_r, ja4_o and ja3 of every ClientHello.",
  "foxio/":
    "The captures of the public JA4 repository at commit 0e54bc8. They are not part of this repository; tests/conformance_test.ts reads them where they are. `others` says what FoxIO's own Rust and Python programs publish for them, where that differs.",
  "cases/":
    "tests/cases: what the reference sets do not have. Each folder has its capture, the whole events and a README.",
};

const HEAD = `# Conformance

Every capture that the parser is checked with, what it gives, and which public programs give something else. Made by \`deno task conformance\`; a test checks that it is current.

\`ours\` is each JA4 with how often it occurs, and the status of ClientHellos without one; "nothing" where there is no ClientHello. The columns of tshark and ndpiReader are measured: their JA3 of the capture beside ours, as sets ("same", or what is missing or beyond), since neither of these versions has today's JA4. \`others\` is read in sources and in published data and not measured.
`;

const READINGS = `## How others read the specification

Versions: FoxIO/ja4 0e54bc8 (June 2026), Suricata 9.0-dev and Zeek 9.1-dev with FoxIO's package (August 2026), nDPI of October 2024, Arkime (August 2026), Wireshark's dissector (2024 to 2025), huginn-net (July 2026).

| program | reads otherwise |
|---|---|
| FoxIO Rust | ALPN that is not ASCII gives 99, one character gives a0; QUIC told by extension 0039, so drafts are t; no d for DTLS; one ClientHello a stream; nothing where only GREASE versions are offered |
| FoxIO Python | JA4_o is zeros where server_name is the only extension; nothing where only GREASE versions are offered |
| Zeek with FoxIO's package | t for DTLS; i for an empty server_name; raw ALPN characters; 00 where only GREASE versions are offered; numeric maximum of DTLS versions |
| Wireshark | hash of the empty text instead of zeros; GREASE kept among the signature algorithms before August 2026; t for QUIC inside a TCP tunnel |
| Suricata | an underscore also without signature algorithms; larger of legacy and supported version; skips an empty first ALPN value; counts bytes of CRYPTO frames, so that a repeated frame can complete a ClientHello with holes; no DTLS |
| nDPI | ALPN of the second byte instead of the last; i for an address as server_name; hash of the empty text; counts of three digits; text cut at 1024 bytes; GREASE signature algorithms kept; numeric maximum of DTLS versions |
| Arkime | larger of legacy and supported version; i for an empty server_name; both of two signature_algorithms joined |
| huginn-net | first record only; segments in the order of their arrival; neither QUIC nor DTLS |`;

async function allCaptures(): Promise<Capture[]> {
  const captures: Capture[] = [];
  const table = await Deno.readTextFile(new URL("README.md", EDGE));
  for (
    const [_, name = "", shows = "", others = ""] of table.matchAll(
      /^\| `([^`]+)` \| (.*?) \| `.*?` \| ?(.*?) ?\|$/gm,
    )
  ) {
    captures.push({
      name: `edge/${name}`,
      path: fileURLToPath(new URL(`${name}.pcap`, EDGE)),
      shows,
      others,
    });
  }
  if (exists(FOXIO)) captures.push(...await foxioCaptures());
  for (const one of cases) {
    captures.push({
      name: `cases/${one.name}`,
      path: fileURLToPath(
        new URL(`tests/cases/${one.name}/${inputOf(one).file}`, ROOT),
      ),
      shows: one.shows,
      others: "",
    });
  }
  return captures;
}

async function foxioCaptures(): Promise<Capture[]> {
  interface Row {
    readonly pcap: string;
    readonly ja4: string | null;
    readonly published?: Readonly<Record<string, string>> | null;
    readonly class?: string;
  }
  const text = await Deno.readTextFile(new URL("expected.jsonl", FOXIO));
  const rows = text.trimEnd().split("\n").map((line) =>
    JSON.parse(line) as Row
  );
  return [...Map.groupBy(rows, ({ pcap }) => pcap)].map(([pcap, rows]) => {
    const differing = rows.flatMap(({ ja4, published }) =>
      Object.entries(published ?? {}).filter(([_, value]) => value !== ja4)
        .map(([program, value]) => `${program} ${value}`)
    );
    const unpublished = rows.some((row) => row.class === "parse");
    return {
      name: `foxio/${pcap}`,
      path: fileURLToPath(new URL(pcap, FOXIO)),
      shows: rows.some(({ ja4 }) => ja4 !== null)
        ? `${rows.length} ClientHello${rows.length === 1 ? "" : "s"}`
        : "no ClientHello",
      others: [...new Set(differing)].join(", ") ||
        (unpublished ? "none publishes a value" : ""),
    };
  });
}

const parser = newParser();

/** What our parser gives: as the document prints it, and the JA3 values. */
function oursOf(path: string): { text: string; ja3: Set<string> } {
  const { events } = eventsOfFile(path, parser);
  const counts = new Map<string, number>();
  for (const { ja4, status } of events) {
    const word = ja4 === undefined ? status : `\`${ja4}\``;
    counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  const words = [...counts].map(([word, count]) =>
    count === 1 ? word : `${word} ×${count}`
  );
  const ja3 = events.flatMap(({ ja3 }) => ja3 === undefined ? [] : [ja3]);
  return { text: words.join(" ") || "nothing", ja3: new Set(ja3) };
}

/** What `tool` gives beside our values; undefined if it is not installed. */
async function theirsOf(
  tool: keyof typeof TOOLS,
  path: string,
  ours: Set<string>,
): Promise<string | undefined> {
  const [program = "", ...args] = TOOLS[tool](path);
  let output: string;
  try {
    const { stdout } = await new Deno.Command(program, {
      args,
      stdin: "null",
      stderr: "null",
    }).output();
    output = new TextDecoder().decode(stdout);
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return undefined;
    throw thrown;
  }
  const values = tool === "ndpi"
    ? [...output.matchAll(/JA3C: ([0-9a-f]{32})/g)].map(([_, value]) => value)
    : output.match(/[0-9a-f]{32}/g) ?? [];
  const theirs = new Set(values as string[]);
  const missing = ours.difference(theirs).size;
  const beyond = theirs.difference(ours).size;
  if (missing === 0 && beyond === 0) return SAME;
  if (theirs.size === 0) return "none";
  if (ours.size === 0) return "prints one";
  if (missing === 0) return `${beyond} more`;
  return beyond === 0
    ? `misses ${missing} of ${ours.size}`
    : `another value for ${Math.min(missing, beyond)} of ${ours.size}`;
}

/** Asks the tools that are here; what the others gave before stays. */
async function measure(before: Recorded): Promise<Recorded> {
  const captures: Record<string, Recorded["captures"][string]> = {};
  for (const [name, results] of Object.entries(before.captures)) {
    if (name.startsWith("foxio/")) captures[name] = results;
  }
  for (const { name, path, shows, others } of await allCaptures()) {
    const { text, ja3 } = oursOf(path);
    const known = before.captures[name];
    const tshark = await theirsOf("tshark", path, ja3) ?? known?.tshark;
    const ndpi = await theirsOf("ndpi", path, ja3) ?? known?.ndpi;
    captures[name] = {
      shows,
      others,
      ours: text,
      ...tshark === undefined ? {} : { tshark },
      ...ndpi === undefined ? {} : { ndpi },
    };
  }
  const version = async (program: string, pattern: RegExp) => {
    try {
      const { stdout } = await new Deno.Command("dpkg-query", {
        args: ["-W", "-f=${Version}", program],
      }).output();
      return pattern.exec(new TextDecoder().decode(stdout))?.[0];
    } catch {
      return undefined;
    }
  };
  return {
    versions: {
      tshark: await version("tshark", /^[\d.]+/) ?? before.versions.tshark,
      ndpi: await version("libndpi-bin", /^[\d.]+/) ?? before.versions.ndpi,
    },
    captures,
  };
}

if (import.meta.main) {
  const none: Recorded = { versions: { tshark: "", ndpi: "" }, captures: {} };
  const before = exists(RECORD)
    ? JSON.parse(await Deno.readTextFile(RECORD)) as Recorded
    : none;
  const recorded = await measure(before);
  await Deno.writeTextFile(RECORD, JSON.stringify(recorded, null, 2) + "\n");
  await Deno.writeTextFile(DOCUMENT, await conformanceDocument(recorded));
}
