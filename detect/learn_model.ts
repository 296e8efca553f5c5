/** Traffic of a span -> a model of it, with what labels say of its features. @module */
import type { Database } from "../lib/clickhouse.ts";
import type { UnixMicros } from "../lib/events.ts";
import { FEATURES } from "../lib/features.ts";
import { sql, typed } from "../lib/sql.ts";
import { anchorRows } from "./anchor.ts";
import {
  anchorValues,
  bodyOf,
  buildModel,
  type DetectorModel,
  type ModelBody,
} from "./detector_model.ts";
import { featureMatrix } from "./features.ts";
import { learnWeights } from "./label_weights.ts";
import { anchorExamples, readExamples } from "./labelled_windows.ts";
import { addTables, learn, Learned, type Span, within } from "./learned.ts";
import prior from "./prior.json" with { type: "json" };
import { isDenied, type Terms, untaught } from "./terms.ts";
import { readWindows, type WindowFacts } from "./windows.ts";

const DAY_US = 24 * 3600e6;
/** Windows that are learned from; of more a part of the addresses is taken. */
const WINDOWS_MAX = 60_000;

/** Options of {@linkcode learnModel}. */
export interface LearnModelOptions {
  readonly terms: Terms;
  readonly windowS: number;
  readonly signal?: AbortSignal | undefined;
}

/** A model, not yet in force. */
export interface LearnedModel {
  readonly model: DetectorModel;
  /** Windows of people of the last day: row-major, FEATURES.length columns; empty of the prior. */
  readonly lastDay: Float32Array;
}

/** Makes a model of the traffic of `span`, of the prior where there is too little. */
export async function learnModel(
  db: Database,
  span: Span,
  { terms, windowS, signal }: LearnModelOptions,
): Promise<LearnedModel> {
  const tables = await learn(db, span, {
    untaught: untaught(terms),
    signal,
  });
  const windows = await readWindows(db, span, {
    windowS,
    coldBits: tables.coldBits,
    every: await readOneOf(db, span, { windowS, signal }),
    signal,
  });
  const matrix = featureMatrix(windows, new Learned(tables));
  const denied = (facts: WindowFacts) => isDenied(terms, facts);
  const body = bodyOf({ windows, matrix, tables, denied });
  if (body === undefined) {
    const shipped = prior as unknown as ModelBody;
    return {
      model: await buildModel(shipped, {
        learning: true,
        trainedOn: span,
        learned: addTables(shipped.learned, tables),
      }),
      lastDay: new Float32Array(0),
    };
  }
  const first = windows.reduce(
    (least, { first_ts }) => Math.min(least, first_ts),
    Infinity,
  );
  const trainedOn = {
    from: Math.max(span.from, first) as UnixMicros,
    to: span.to,
  };
  const model = await buildWeighted(db, body, { trainedOn, terms, signal });
  const day = windows.flatMap(({ window_start }, row) =>
    span.to - window_start <= DAY_US ? [row] : []
  );
  const people = anchorRows(
    windows,
    matrix,
    day.filter((row) => !denied(windows[row] as WindowFacts)),
  );
  return { model, lastDay: rowsOf(matrix.values, people) };
}

/** The model of a body, with what labels say of its features where they are enough. */
async function buildWeighted(
  db: Database,
  body: ModelBody,
  context: {
    trainedOn: Span;
    terms: Terms;
    signal?: AbortSignal | undefined;
  },
): Promise<DetectorModel> {
  const origin = { learning: false, trainedOn: context.trainedOn };
  const plain = await buildModel(body, origin);
  const { examples, labels } = await readExamples(
    db,
    context.terms.labels,
    { reference: plain.browser, signal: context.signal },
  );
  const weights = learnWeights([
    ...examples,
    ...anchorExamples(anchorValues(body), plain.browser),
  ], labels);
  return weights === undefined ? plain : await buildModel({
    ...body,
    weights: {
      values: [...weights.values].map((w) => Number(w.toFixed(4))),
      trust: weights.trust,
      labels,
    },
  }, origin);
}

/** Of so many addresses one is read, for no more windows than are learned from. */
export async function readOneOf(
  db: Database,
  span: Span,
  { windowS, signal }: { windowS: number; signal?: AbortSignal | undefined },
): Promise<number> {
  const [row] = await db.query<{ windows: number }>(
    sql`
SELECT uniq(toStartOfInterval(ts, toIntervalSecond(${
      typed(windowS, "UInt32")
    })), src_ip, ja4, http_host) AS windows
FROM http_events WHERE match != 'tls_only' AND ${within(span)}`,
    {
      signal,
      settings: { output_format_json_quote_64bit_integers: 0 },
      timeoutMs: 120_000,
    },
  );
  return Math.max(1, Math.ceil((row?.windows ?? 0) / WINDOWS_MAX));
}

function rowsOf(values: Float32Array, rows: readonly number[]): Float32Array {
  const width = FEATURES.length;
  const out = new Float32Array(rows.length * width);
  for (const [i, row] of rows.entries()) {
    out.set(values.subarray(row * width, (row + 1) * width), i * width);
  }
  return out;
}
