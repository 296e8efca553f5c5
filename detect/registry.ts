/**
 * The registry of models: what each is made of (`models`) and what became of it (`model_states`,
 * append-only). A model is its own name: the identifier is a digest of all that made it, so a
 * stored body gives the same model, bit for bit, or is refused.
 *
 * @module
 */
import type { Database } from "../lib/clickhouse.ts";
import { FatalError } from "../lib/errors.ts";
import type { UnixMicros } from "../lib/events.ts";
import { FEATURES } from "../lib/features.ts";
import { sql } from "../lib/sql.ts";
import { buildModel, type DetectorModel } from "./detector_model.ts";
import type { ModelBody } from "./detector_model.ts";
import { pack, unpack } from "./encoding.ts";

export type ModelState = "shadow" | "active" | "retired" | "rejected";

/** A model as the registry lists it. */
export interface RegisteredModel {
  readonly model_id: string;
  readonly state: ModelState;
  readonly reason: string;
  readonly trained_at: UnixMicros;
  readonly train_from: UnixMicros;
  readonly train_to: UnixMicros;
  readonly train_rows: number;
  readonly reference: string;
  readonly window_s: number;
  /** When it came into its state. */
  readonly since: UnixMicros;
}

/** Stores what a model is made of; a second time changes nothing. */
export async function storeModel(
  db: Database,
  model: DetectorModel,
  of: { windowS: number; signal?: AbortSignal | undefined },
): Promise<void> {
  const { trainedOn, browser, body } = model;
  await db.insertRows("models", [{
    model_id: model.id,
    trained_at: trainedOn.to,
    window_s: of.windowS,
    train_from: Math.floor(trainedOn.from / 1e6),
    train_to: Math.floor(trainedOn.to / 1e6),
    train_rows: model.trainRows,
    reference: model.learning ? "prior" : "anchor",
    feature_names: FEATURES.map(({ name }) => name),
    params: JSON.stringify({
      trees: 200,
      psi: 256,
      folds: 5,
      free_bits: 2,
      seed: Number.parseInt(model.id.slice(0, 8), 16),
    }),
    body: model.learning ? "" : await pack(JSON.stringify(body)),
    metrics: {
      base: browser.base,
      browser_rows: body.browser.rows,
      app_rows: body.app?.rows ?? 0,
      labels: body.weights?.labels ?? 0,
    },
    state: "active",
  }], { signal: of.signal, token: `model-${model.id}` });
}

/**
 * What is said of a model from now on. A model that becomes active retires the others. What is said
 * later holds, also where the clock is behind that of who spoke before.
 */
export async function setState(
  db: Database,
  modelId: string,
  to: {
    state: ModelState;
    actor: string;
    reason: string;
    gate?: object;
    now: UnixMicros;
  },
): Promise<void> {
  const models = await listModels(db);
  const rev = Math.max(to.now, (models[0]?.since ?? 0) + 1);
  const row = (model_id: string, state: ModelState, reason: string) => ({
    model_id,
    state,
    actor: to.actor,
    reason,
    gate: JSON.stringify(to.gate ?? {}),
    rev,
  });
  const rows = [row(modelId, to.state, to.reason)];
  if (to.state === "active" || to.state === "shadow") {
    for (const other of models) {
      if (other.state === to.state && other.model_id !== modelId) {
        rows.push(row(other.model_id, "retired", `${modelId} took its place`));
      }
    }
  }
  await db.insertRows("model_states", rows);
}

/** All models, the newest state first. */
export async function listModels(db: Database): Promise<RegisteredModel[]> {
  return await db.query<RegisteredModel>(
    sql`
SELECT model_id, state, reason, since, toUnixTimestamp64Micro(trained_at) AS trained_at,
  toUnixTimestamp(train_from) * 1000000 AS train_from, toUnixTimestamp(train_to) * 1000000 AS train_to,
  train_rows, reference, window_s
FROM (
  SELECT model_id, argMax(s.state, s.rev) AS state, argMax(s.reason, s.rev) AS reason, max(s.rev) AS since
  FROM model_states AS s GROUP BY model_id
) AS states
INNER JOIN (SELECT * EXCEPT (state) FROM models FINAL) AS m USING (model_id)
ORDER BY since DESC, model_id
LIMIT 1000`,
    { settings: { output_format_json_quote_64bit_integers: 0 } },
  );
}

/**
 * The model of the registry, made anew from what is stored.
 *
 * @throws {FatalError} `noInput` if there is none, `dataFormat` if what is stored gives another model:
 * it was made by another version of the program, or the row was changed.
 */
export async function loadModel(
  db: Database,
  modelId: string,
): Promise<DetectorModel> {
  const [row] = await db.query<
    { body: string; from: number; to: number; names: readonly string[] }
  >(
    sql`
SELECT body, toUnixTimestamp(train_from) * 1000000 AS from, toUnixTimestamp(train_to) * 1000000 AS to, feature_names AS names
FROM models FINAL WHERE model_id = ${modelId}`,
    { settings: { output_format_json_quote_64bit_integers: 0 } },
  );
  if (row === undefined || row.body === "") {
    throw new FatalError("noInput", `There is no stored model "${modelId}"`);
  }
  const body = JSON.parse(await unpack(row.body)) as ModelBody;
  const model = await buildModel(body, {
    learning: false,
    trainedOn: { from: row.from as UnixMicros, to: row.to as UnixMicros },
  });
  if (model.id !== modelId) {
    throw new FatalError(
      "dataFormat",
      `What is stored of model "${modelId}" gives "${model.id}" in this version of the program`,
    );
  }
  return model;
}
