/**
 * Reads the files that reference data comes in: bytes in, rows of one table out. What they may be:
 *
 * - networks: MaxMind DB (ASN, country, city, anonymous networks of MaxMind, DB-IP, IPinfo and kin);
 *   CSV or TSV of ranges `first, last, AS number, name` or `first, last, country` (DB-IP Lite,
 *   ip-location-db) or `first, last, AS number, country, name` (IPtoASN); CSV or TSV with a header
 *   that has `prefix` or `network`
 * - reputation: an address, CIDR or range a line, comments behind `#` or `;`; JSON
 * - bots: any JSON that holds prefixes as texts (Google, Bing, OpenAI, Apple, ...), or a line each
 * - ja4: CSV or TSV with a header that has `ja4`
 *
 * Pure. A file of another kind is a {@linkcode FileFault}; single lines that are not understood are
 * counted, and too many of them are a fault.
 *
 * @module
 */
import { isMap, isMmdb, MmdbFault, MmdbFile, type MmdbValue } from "./mmdb.ts";
import {
  isV4,
  lengthOf,
  prefixesOfRange,
  prefixOf,
  prefixOfBytes,
} from "./prefixes.ts";

/** What can be loaded. */
export const KINDS = ["networks", "reputation", "bots", "ja4"] as const;
export type Kind = typeof KINDS[number];

/** A row of ref_networks; what a source does not tell stays empty. */
export interface NetworkRow {
  readonly prefix: string;
  readonly asn: number;
  readonly as_org: string;
  readonly country: string;
  readonly kind: string;
}

/** A row of ref_ja4. */
export interface Ja4Row {
  readonly ja4: string;
  readonly client: string;
  readonly label: string;
  readonly kind: string;
  readonly resumed: boolean;
  readonly origin: string;
}

/** A row of ref_bots. */
export interface BotRow {
  readonly prefix: string;
  readonly name: string;
  readonly operator: string;
  readonly ua_token: string;
}

/** A row of ref_reputation, its source and end apart. */
export interface ReputationRow {
  readonly prefix: string;
  readonly score: number;
}

/** Rows of a file, and how many of its lines were not understood. */
export interface Rows<Row> {
  readonly rows: readonly Row[];
  readonly skipped: number;
}

/** A file that cannot be used. The message says why, without the name of the file. */
export class FileFault extends Error {
  override readonly name = "FileFault";
}

/** More rows than the largest of the public tables have by far. */
const ROWS_MAX = 8_000_000;
/** Of a hundred lines so many may be odd. */
const ODD_PERCENT_MAX = 1;
/** A list that names more than this at once is a mistake: it would condemn or trust a continent. */
const BROADEST = { v4: 8, v6: 16 } as const;

/** Reads networks with what is known of them. */
export function readNetworks(bytes: Uint8Array): Rows<NetworkRow> {
  if (isMmdb(bytes)) return readMmdb(bytes);
  const table = readTable(decode(bytes));
  const named = ["prefix", "network", "cidr"].find((name) =>
    table.header.includes(name)
  );
  return named === undefined ? readRanges(table) : readNamed(table, named);
}

/** Reads a list of addresses and networks with a bad name; each is given `score` unless it says its own. */
export function readReputation(
  bytes: Uint8Array,
  score: number,
): Rows<ReputationRow> {
  const text = decode(bytes);
  const first = firstLine(text);
  if (/^prefix\tscore\b/.test(first)) {
    const { header, lines } = readTable(text);
    const at = header.indexOf("score");
    return collect(lines, (cells) => {
      const prefix = prefixOf(cells[header.indexOf("prefix")] ?? "");
      const own = Number(cells[at]);
      return prefix !== undefined && Number.isInteger(own) && own >= 0 &&
          own <= 100
        ? narrow([{ prefix, score: own }])
        : undefined;
    });
  }
  const { rows, skipped } = readPrefixes(text);
  return { rows: rows.map((prefix) => ({ prefix, score })), skipped };
}

/** Reads the networks of one bot. */
export function readBots(
  bytes: Uint8Array,
  bot: Omit<BotRow, "prefix">,
): Rows<BotRow> {
  const text = decode(bytes);
  if (/^prefix\tname\b/.test(firstLine(text))) {
    const { header, lines } = readTable(text);
    return collect(lines, (cells) => {
      const cell = (name: string): string => cells[header.indexOf(name)] ?? "";
      const prefix = prefixOf(cell("prefix"));
      if (prefix === undefined || cell("name") === "") return undefined;
      const { name, operator, ua_token } = {
        name: cell("name"),
        operator: cell("operator"),
        ua_token: cell("ua_token"),
      };
      return narrow([{ prefix, name, operator, ua_token }]);
    });
  }
  const { rows, skipped } = readPrefixes(text);
  return { rows: rows.map((prefix) => ({ prefix, ...bot })), skipped };
}

/** Reads labels of JA4 fingerprints. Other columns, whatever they hold, are left alone. */
export function readJa4(bytes: Uint8Array): Rows<Ja4Row> {
  const { header, lines } = readTable(decode(bytes));
  if (!header.includes("ja4")) {
    throw new FileFault('it has no column "ja4" in its first line');
  }
  return collect(lines, (cells) => {
    const cell = (name: string): string =>
      cells[header.indexOf(name)]?.trim() ?? "";
    const ja4 = cell("ja4");
    if (ja4 === "") return [];
    if (
      !/^[tqd]\d\d[di]\d{4}[0-9a-zA-Z]{2}_[0-9a-f]{12}_[0-9a-f]{12}$/.test(ja4)
    ) {
      return undefined;
    }
    const label = cell("label") || cell("application") || cell("library");
    return [{
      ja4,
      client: cell("client") || familyOf(label),
      label,
      kind: cell("kind"),
      resumed: cell("resumed") === "1" || cell("resumed") === "true",
      origin: cell("origin") || "published",
    }];
  });
}

/** First word of a label, lower case: the family it is shown under. */
function familyOf(label: string): string {
  return /[a-z][a-z0-9.+-]*/.exec(label.toLowerCase())?.[0] ?? "";
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    // Old lists are in Latin-1.
    return new TextDecoder("latin1").decode(bytes);
  }
}

// --- MaxMind DB

function readMmdb(bytes: Uint8Array): Rows<NetworkRow> {
  const rows: NetworkRow[] = [];
  const known = new Map<MmdbValue, Omit<NetworkRow, "prefix"> | undefined>();
  try {
    for (const network of new MmdbFile(bytes).networks()) {
      if (!known.has(network.value)) {
        known.set(network.value, factsOf(network.value));
      }
      const facts = known.get(network.value);
      if (facts === undefined) continue;
      if (rows.length === ROWS_MAX) {
        throw new FileFault("it has too many networks");
      }
      rows.push({
        prefix: prefixOfBytes(network.bytes, network.bits),
        ...facts,
      });
    }
  } catch (thrown) {
    if (thrown instanceof MmdbFault) throw new FileFault(thrown.message);
    throw thrown;
  }
  if (rows.length === 0) {
    throw new FileFault(
      "it tells neither of autonomous systems nor of countries",
    );
  }
  return { rows, skipped: 0 };
}

/** What a record of any of the known databases says; undefined if nothing of interest. */
function factsOf(value: MmdbValue): Omit<NetworkRow, "prefix"> | undefined {
  if (!isMap(value)) return undefined;
  const asn = numberOf(value["autonomous_system_number"] ?? value["asn"]);
  const as_org = textOf(
    value["autonomous_system_organization"] ?? value["as_name"] ??
      value["as_organization"] ?? value["name"],
  );
  const country = countryOf(
    value["country"] ?? value["country_code"] ?? value["registered_country"],
  );
  const kind = kindOf(value);
  if (asn === 0 && country === "" && kind === "") return undefined;
  return { asn, as_org, country, kind };
}

/** `13335` and `AS13335`. */
function numberOf(value: MmdbValue | undefined): number {
  const digits = /^(?:AS)?(\d{1,10})$/i.exec(String(value ?? ""))?.[1];
  const asn = Number(digits ?? 0);
  return asn < 2 ** 32 ? asn : 0;
}

function textOf(value: MmdbValue | undefined): string {
  return typeof value === "string" ? value : "";
}

function countryOf(value: MmdbValue | undefined): string {
  const code = isMap(value) ? value["iso_code"] : value;
  return typeof code === "string" && /^[A-Z]{2}$/.test(code) ? code : "";
}

function kindOf(record: { readonly [key: string]: MmdbValue }): string {
  const traits = isMap(record["traits"]) ? record["traits"] : record;
  if (traits["is_tor_exit_node"] === true) return "tor";
  if (traits["is_anonymous_vpn"] === true) return "vpn";
  if (traits["is_hosting_provider"] === true) return "hosting";
  return "";
}

// --- Tables

interface Table {
  /** Lower case. */
  readonly header: readonly string[];
  readonly lines: readonly (readonly string[])[];
}

function firstLine(text: string): string {
  return /^(?!#)\S.*/m.exec(text)?.[0] ?? "";
}

/** Cells of a CSV or TSV; `header` is its first line whether that is one or not. */
function readTable(text: string): Table {
  const lines = text.split(/\r?\n/).filter((line) =>
    line !== "" && !line.startsWith("#")
  );
  const split = lines[0]?.includes("\t")
    ? (line: string): string[] => line.split("\t")
    : cellsOf;
  const cells = lines.map(split);
  const header = cells[0]?.map((name) => name.trim().toLowerCase()) ?? [];
  return {
    header,
    lines: prefixOf(header[0] ?? "") === undefined ? cells.slice(1) : cells,
  };
}

/** RFC 4180, one line: cells in quotes may hold commas and doubled quotes. */
function cellsOf(line: string): string[] {
  return [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map((
    [, quoted, plain],
  ) => quoted?.replaceAll('""', '"') ?? plain ?? "");
}

/** Rows of ranges; which columns there are is seen by the first line. */
function readRanges({ header, lines }: Table): Rows<NetworkRow> {
  const isRange =
    prefixesOfRange(header[0] ?? "", header[1] ?? "") !== undefined;
  if (!isRange) {
    throw new FileFault(
      'it is neither a MaxMind DB, nor a table with a column "prefix" or "network", nor one of address ranges',
    );
  }
  return collect(lines, (cells) => {
    const prefixes = prefixesOfRange(cells[0] ?? "", cells[1] ?? "");
    if (prefixes === undefined) return undefined;
    const [third = "", fourth = "", fifth = ""] = cells.slice(2);
    const isCountry = /^[A-Z]{2}$/.test(third);
    const asn = isCountry ? 0 : numberOf(third);
    const facts = {
      asn,
      as_org: asn === 0 ? "" : cells.length >= 5 ? fifth : fourth,
      country: countryOf(isCountry ? third : cells.length >= 5 ? fourth : ""),
      kind: "",
    };
    // Ranges that nobody announces are in some tables, as AS 0.
    if (facts.asn === 0 && facts.country === "") return [];
    return prefixes.map((prefix) => ({ prefix, ...facts }));
  });
}

/** Rows of a table with a header, ours and MaxMind's CSV. */
function readNamed({ header, lines }: Table, key: string): Rows<NetworkRow> {
  const cell = (cells: readonly string[], ...names: string[]): string => {
    const at = header.findIndex((name) => names.includes(name));
    return at < 0 ? "" : cells[at]?.trim() ?? "";
  };
  return collect(lines, (cells) => {
    const prefix = prefixOf(cell(cells, key));
    if (prefix === undefined) return undefined;
    return [{
      prefix,
      asn: numberOf(cell(cells, "asn", "autonomous_system_number")),
      as_org: cell(
        cells,
        "as_org",
        "as_name",
        "autonomous_system_organization",
      ),
      country: countryOf(
        cell(cells, "country", "country_code", "country_iso_code"),
      ),
      kind: cell(cells, "kind"),
    }];
  });
}

// --- Lists of prefixes

function readPrefixes(text: string): Rows<string> {
  const start = text.trimStart()[0];
  if (start === "{" || start === "[") return readJson(text);
  const lines = text.split(/\r?\n/)
    .map((line) => line.replace(/[#;].*/, "").trim())
    .filter((line) => line !== "");
  return collect(lines, (line) => {
    const first = line.split(/[\s,]+/)[0] ?? "";
    const [from, to] = first.split("-");
    const prefixes = to === undefined
      ? [prefixOf(first)]
      : prefixesOfRange(from ?? "", to) ?? [undefined];
    return prefixes.every((prefix) => prefix !== undefined)
      ? narrow(prefixes.map((prefix) => ({ prefix }))).map(({ prefix }) =>
        prefix
      )
      : undefined;
  });
}

/** Every text in the JSON that is a network; JSON lines too. Dates and names are no networks. */
function readJson(text: string): Rows<string> {
  const found = new Set<string>();
  const walk = (value: unknown, depth: number): void => {
    if (depth > 8) return;
    if (typeof value === "string") {
      const prefix = prefixOf(value);
      if (prefix !== undefined) found.add(prefix);
    } else if (value !== null && typeof value === "object") {
      for (const inner of Object.values(value)) walk(inner, depth + 1);
    }
  };
  try {
    walk(JSON.parse(text), 0);
  } catch {
    try {
      for (const line of text.split("\n")) {
        if (line.trim() !== "") walk(JSON.parse(line), 0);
      }
    } catch {
      throw new FileFault("it is not JSON");
    }
  }
  if (found.size === 0) throw new FileFault("it holds no networks");
  narrow([...found].map((prefix) => ({ prefix })));
  return { rows: [...found], skipped: 0 };
}

/** The same rows, none of them absurdly broad. */
function narrow<Row extends { readonly prefix: string }>(
  rows: readonly Row[],
): readonly Row[] {
  for (const { prefix } of rows) {
    if (lengthOf(prefix) < (isV4(prefix) ? BROADEST.v4 : BROADEST.v6)) {
      throw new FileFault(
        `it lists ${prefix}, which is too much for one network`,
      );
    }
  }
  return rows;
}

/** Rows of all lines; undefined from `read` is a line that is not understood. */
function collect<Line, Row>(
  lines: readonly Line[],
  read: (line: Line) => readonly Row[] | undefined,
): Rows<Row> {
  const rows: Row[] = [];
  let skipped = 0;
  for (const line of lines) {
    const found = read(line);
    if (found === undefined) skipped++;
    else rows.push(...found);
    if (rows.length > ROWS_MAX) throw new FileFault("it has too many rows");
  }
  if (skipped * 100 > lines.length * ODD_PERCENT_MAX) {
    throw new FileFault(
      `${skipped} of its ${lines.length} lines are not understood`,
    );
  }
  if (rows.length === 0) throw new FileFault("it is empty");
  return { rows, skipped };
}
