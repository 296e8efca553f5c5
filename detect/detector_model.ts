/**
 * The model that is in force: what was learned, the reference of browsers, and a second reference
 * of native apps. It is made of windows of the last days, or, until there are enough, of the prior
 * that ships with the program. What it takes to make it again is what is stored.
 *
 * @module
 */
import { anchorRows } from "./anchor.ts";
import { decodeBase64, encodeBase64, sha256Hex } from "./encoding.ts";
import { COLUMN, type FeatureName, FEATURES } from "../lib/features.ts";
import { VERSION } from "../lib/version.ts";
import { type FeatureMatrix, groupOf } from "./features.ts";
import {
  type BotStanding,
  botStanding,
  namesItsOperator,
} from "./known_bots.ts";
import { Learned, type LearnedTables, type Span } from "./learned.ts";
import { networkOf } from "./networks.ts";
import { type Anchor, ReferenceModel } from "./reference_model.ts";
import type { WindowFacts } from "./windows.ts";

/** Anchor windows below which the shipped prior is used and the detector says that it is learning. */
export const ANCHOR_ROWS_MIN = 128;
/** Windows of apps below which apps have no reference of their own. */
const APP_ROWS_MIN = 48;
/** Rows kept of an anchor: more change no percentile that is shown. */
const ANCHOR_ROWS_MAX = 2048;
/** Windows of one network in an anchor: nobody shapes it alone. */
const ROWS_PER_NETWORK_MAX = 200;
/** Networks from which a client of its own kind must come to be an app, and how often it succeeds. */
const APP_NETWORKS_MIN = 20;
/** Networks from which such a client is at least no browser that is badly imitated. */
const UNKNOWN_NETWORKS_MIN = 5;
const APP_SUCCESS_MIN = 0.95;

const WIDTH = FEATURES.length;

/**
 * Which model a window is scored by: `complete` with handshake and requests, `applicative` by its
 * requests alone; `declared` and `app` are for clients that are no browsers.
 */
export const MODEL_NAMES = [
  "complete",
  "applicative",
  "declared",
  "app",
] as const;
export type ModelName = typeof MODEL_NAMES[number];

/** Features that a handshake must have been seen for. */
const OF_HANDSHAKES: readonly FeatureName[] = [
  "ua_ja4_bits",
  "ja4_ua_bits",
  "ja4_rarity_bits",
  "tcp_os_bits",
  "mss_bits",
  "alpn_mismatch",
  "sni_mismatch",
  "ttl_spread",
  "resume_shortage",
  "hello_ms",
  "proxy_gap_ms",
  "hello_steadiness",
  "agent_ja4s",
];

/** Features that tell a script from a browser: no news of a client that says it is a script. */
const OF_BROWSERS: readonly FeatureName[] = [
  ...OF_HANDSHAKES,
  "header_order_bits",
  "order_monotony",
  "encoding_bits",
  "language_bits",
  "hint_mismatch",
  "sec_fetch_missing",
  "sec_fetch_impossible",
  "language_missing",
  "pause_regularity",
  "pause_mode_share",
  "pause_bits_missing",
  "pause_echo",
  "span_s",
  "path_entropy",
  "pages_without_assets",
  "cache_forgotten",
  "odd_method_share",
  "referrer_missing",
  "cookie_missing",
  "page_size_sameness",
  "connections",
  "requests_per_connection",
  "group_excess",
  "group_homogeneity",
];

/** An anchor as it is stored. */
interface StoredAnchor {
  readonly rows: number;
  /** Base64 of little-endian float32, rows x feature_names.length. */
  readonly values: string;
  readonly actors: readonly number[];
}

/** Everything a model is made of. */
export interface ModelBody {
  readonly feature_names: readonly string[];
  readonly learned: LearnedTables;
  readonly browser: StoredAnchor;
  readonly app?: StoredAnchor;
  /** What labels say of the features, and how many there were. */
  readonly weights?: {
    readonly values: readonly number[];
    readonly trust: number;
    readonly labels: number;
  };
}

/** The model in force. */
export interface DetectorModel {
  /** Hex digest of what made it; its first 32 bits are the seed. */
  readonly id: string;
  /** Whether it rests on the shipped prior. */
  readonly learning: boolean;
  readonly trainedOn: Span;
  readonly trainRows: number;
  readonly learned: Learned;
  readonly browser: ReferenceModel;
  /** The same people without what their handshakes tell: for windows without one. */
  readonly request: ReferenceModel;
  /** The same people without what only browsers do: for clients that name their operator, and few apps. */
  readonly declared: ReferenceModel;
  readonly app: ReferenceModel | undefined;
  readonly body: ModelBody;
}

/** Makes the model of a body; equal bodies give equal models. */
export async function buildModel(
  body: ModelBody,
  origin: { learning: boolean; trainedOn: Span; learned?: LearnedTables },
): Promise<DetectorModel> {
  const id = (await sha256Hex(JSON.stringify([VERSION, body]))).slice(0, 16);
  const seed = Number.parseInt(id.slice(0, 8), 16);
  const browser = anchorOf(body.browser);
  const weights = body.weights === undefined ? undefined : {
    values: Float64Array.from(body.weights.values),
    trust: body.weights.trust,
  };
  return {
    id,
    learning: origin.learning,
    trainedOn: origin.trainedOn,
    trainRows: body.browser.rows + (body.app?.rows ?? 0),
    learned: new Learned(origin.learned ?? body.learned),
    browser: new ReferenceModel(browser, seed, weights),
    request: new ReferenceModel(
      without(browser, OF_HANDSHAKES),
      seed,
      weights,
    ),
    declared: new ReferenceModel(without(browser, OF_BROWSERS), seed, weights),
    app: body.app === undefined
      ? undefined
      : new ReferenceModel(anchorOf(body.app), seed),
    body,
  };
}

/** What a body is made of. */
export interface BodySource {
  readonly windows: readonly WindowFacts[];
  readonly matrix: FeatureMatrix;
  readonly tables: LearnedTables;
  /** Whether the deny list or a label says that a client is no person. */
  readonly denied: (facts: WindowFacts) => boolean;
  /** Rows kept of an anchor. @default 2048 */
  readonly rowsMax?: number;
}

/** The body that these windows give, or undefined if too few of them speak for people. */
export function bodyOf(source: BodySource): ModelBody | undefined {
  const { windows, matrix, tables, denied } = source;
  const learned = new Learned(tables);
  const other: number[] = [];
  const app: number[] = [];
  for (const [row, facts] of windows.entries()) {
    if (denied(facts) || isBot(facts)) continue;
    (isAppWindow(facts, learned) ? app : other).push(row);
  }
  const kept = browserAnchor(source, other);
  if (kept.rows < ANCHOR_ROWS_MIN) return undefined;
  const apps = takeAnchor(
    source,
    app.filter((row) =>
      matrix.values[row * WIDTH + COLUMN.probe_hits] === 0 &&
      (matrix.values[row * WIDTH + COLUMN.auth_failures] as number) < 2
    ),
  );
  return {
    feature_names: FEATURES.map(({ name }) => name),
    learned: tables,
    browser: kept,
    ...(apps.rows >= APP_ROWS_MIN ? { app: apps } : {}),
  };
}

/** Windows with a handshake where there are enough; else, where few are captured, those without. */
function browserAnchor(
  source: BodySource,
  rows: readonly number[],
): StoredAnchor {
  const { windows, matrix } = source;
  const seen = (row: number) => (windows[row] as WindowFacts).ja4 !== "";
  const full = anchorRows(windows, matrix, rows.filter(seen));
  return takeAnchor(
    source,
    full.length >= ANCHOR_ROWS_MIN
      ? full
      : anchorRows(windows, matrix, rows.filter((row) => !seen(row))),
  );
}

/**
 * Whether the window is of a native app: no browser by its own word, yet from many networks, with
 * one fingerprint, and nearly always answered. Libraries and tools under their own names are not.
 */
export function isAppWindow(
  facts: WindowFacts,
  learned: Learned,
  networksMin = APP_NETWORKS_MIN,
): boolean {
  if (facts.ua_family !== "other" && facts.ua_family !== "okhttp") return false;
  return facts.signatures.some(([signature]) => {
    const key = groupOf(facts.ja4, signature);
    const group = facts.ja4 === ""
      ? learned.widestGroup(key)
      : learned.group(key);
    return group !== undefined && group.networks >= networksMin &&
      group.success >= APP_SUCCESS_MIN;
  });
}

/** What a window is compared with. */
export interface Comparison {
  readonly reference: ReferenceModel;
  /** Undefined where the model that would score it is not in use. */
  readonly name: ModelName | undefined;
  /** Features that are not compared: 0 in the reference, and to be 0 in the window. */
  readonly leftOut: readonly FeatureName[];
}

/** The reference of the window's kind. `models`: those in use. */
export function referenceFor(
  model: DetectorModel,
  facts: WindowFacts,
  { features, standing, models }: {
    /** The window's features, in the order of FEATURES. */
    features: ArrayLike<number>;
    standing: BotStanding;
    models: ReadonlySet<ModelName> | undefined;
  },
): Comparison {
  const use = (name: ModelName) =>
    models === undefined || models.has(name) ? name : undefined;
  if (model.app !== undefined && isAppWindow(facts, model.learned)) {
    return { reference: model.app, name: use("app"), leftOut: [] };
  }
  if (
    namesItsOperator(facts, standing) ||
    isAppWindow(facts, model.learned, UNKNOWN_NETWORKS_MIN)
  ) {
    return {
      reference: model.declared,
      name: use("declared"),
      leftOut: OF_BROWSERS,
    };
  }
  return facts.ja4 === "" || use("complete") === undefined ||
      isInspected(model, facts, features)
    ? {
      reference: model.request,
      name: use("applicative"),
      leftOut: OF_HANDSHAKES,
    }
    : { reference: model.browser, name: "complete", leftOut: [] };
}

/** What a browser's requests do not have, each 0 or nearly. */
const OF_FORGERIES: readonly FeatureName[] = [
  "header_order_bits",
  "encoding_bits",
  "hint_mismatch",
  "sec_fetch_missing",
  "sec_fetch_impossible",
  "language_missing",
  "user_agent_missing",
];
const FORGERY_MAX = 1;

/**
 * Whether the handshake is that of a proxy that inspects TLS, as companies have: browsers of several
 * makers send it, and the requests are wholly those of the browser that is claimed.
 */
function isInspected(
  model: DetectorModel,
  facts: WindowFacts,
  features: ArrayLike<number>,
): boolean {
  return model.learned.ofSeveralEngines(facts.ja4) &&
    OF_FORGERIES.every((name) =>
      (features[COLUMN[name]] as number) < FORGERY_MAX
    );
}

/** Values of the browsers' anchor: row-major, FEATURES.length columns. */
export function anchorValues(body: ModelBody): Float32Array {
  return anchorOf(body.browser).values;
}

function isBot(facts: WindowFacts): boolean {
  const standing = botStanding({ ...facts, listed: facts.bot_name });
  return facts.ua_family === "bot" || standing.verified !== "" ||
    standing.falselyClaimed !== "";
}

/** A bounded number of `rows`, evenly spread, few from any one network. */
function takeAnchor(
  source: BodySource,
  rows: readonly number[],
): StoredAnchor {
  const { windows, matrix, rowsMax = ANCHOR_ROWS_MAX } = source;
  const perNetwork = new Map<string, number>();
  const allowed = rows.filter((row) => {
    const network = networkOf((windows[row] as WindowFacts).src_ip);
    const count = (perNetwork.get(network) ?? 0) + 1;
    perNetwork.set(network, count);
    return count <= ROWS_PER_NETWORK_MAX;
  });
  const step = Math.max(1, allowed.length / rowsMax);
  const kept: number[] = [];
  for (let at = 0; at < allowed.length; at += step) {
    kept.push(allowed[Math.floor(at)] as number);
  }
  const values = new Float32Array(kept.length * WIDTH);
  const numbers = new Map<string, number>();
  const actors = kept.map((row, i) => {
    values.set(
      matrix.values.subarray(row * WIDTH, (row + 1) * WIDTH),
      i * WIDTH,
    );
    const { src_ip } = windows[row] as WindowFacts;
    return numbers.getOrInsertComputed(src_ip, () => numbers.size);
  });
  return {
    rows: kept.length,
    values: encodeBase64(new Uint8Array(values.buffer)),
    actors,
  };
}

function anchorOf(stored: StoredAnchor): Anchor {
  const bytes = decodeBase64(stored.values);
  return {
    rows: stored.rows,
    values: new Float32Array(bytes.buffer),
    actors: stored.actors,
  };
}

function without(anchor: Anchor, names: readonly FeatureName[]): Anchor {
  const values = anchor.values.slice();
  for (let row = 0; row < anchor.rows; row++) {
    for (const name of names) values[row * WIDTH + COLUMN[name]] = 0;
  }
  return { ...anchor, values };
}
