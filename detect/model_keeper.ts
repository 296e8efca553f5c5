/**
 * Which model is in force? Learns what is due, keeps the tables fresh, puts new models on trial and
 * follows what people do in the registry. A restart takes up what is stored there.
 *
 * @module
 */
import type { Database } from "../lib/clickhouse.ts";
import { FatalError, messageOf } from "../lib/errors.ts";
import type { UnixMicros } from "../lib/events.ts";
import { FEATURES } from "../lib/features.ts";
import { anchorValues, type DetectorModel } from "./detector_model.ts";
import { DRIFT_ROWS_MIN, driftOf, writeDrift } from "./drift.ts";
import { type LearnedModel, learnModel } from "./learn_model.ts";
import { learn, Learned, type LearnedTables, type Span } from "./learned.ts";
import {
  listModels,
  loadModel,
  type RegisteredModel,
  setState,
  storeModel,
} from "./registry.ts";
import { recogniseReleases, writeReleases } from "./releases.ts";
import { refusals } from "./retro.ts";
import { judgeTwice } from "./retro_span.ts";
import { type Terms, untaught } from "./terms.ts";

/** When models are made and tried. */
export interface KeeperOptions {
  readonly windowS: number;
  /** How often it learns a new model, once a day of traffic is there. */
  readonly learnS: number;
  /** How far back it learns from. */
  readonly learnHours: number;
  /** How long a new model is on trial. */
  readonly shadowS: number;
}

/** What a cycle brings. */
export interface KeeperContext {
  readonly terms: Terms;
  /** What became of models is added here. */
  readonly notes: string[];
  readonly signal?: AbortSignal | undefined;
}

/** Allowance for event times ahead of the clock. */
export const AHEAD_US = 60e6;
/** Time until the prior is left behind, or a model of less than a day's traffic is made anew. */
const PRIOR_US = 60e6;
const YOUNG_US = 3600e6;
const DAY_US = 24 * 3600e6;
/** Time until the tables of the model in force are read anew. */
const TABLES_US = 3600e6;

/** The models of one detector. */
export class ModelKeeper {
  readonly #db: Database;
  readonly #options: KeeperOptions;
  #model: DetectorModel | undefined;
  #shadow: { id: string; since: number } | undefined;
  #learnedAt = 0;
  #tablesAt = 0;
  #labelsLearned = -1;

  constructor(db: Database, options: KeeperOptions) {
    this.#db = db;
    this.#options = options;
  }

  /** The model in force; undefined before the first. */
  get model(): DetectorModel | undefined {
    return this.#model;
  }

  /** Learns from `span` and puts the model in force. */
  async learn(
    span: Span,
    context: Omit<KeeperContext, "notes">,
  ): Promise<DetectorModel> {
    const { model } = await this.#learnFrom(span, context);
    await this.#activate(model, {
      now: span.to,
      reason: "asked for",
      signal: context.signal,
    });
    return model;
  }

  /** What was in force when the last detector on this database stopped. */
  async resume(): Promise<void> {
    const models = await listModels(this.#db);
    const active = models.find(({ state, reference, window_s }) =>
      state === "active" && reference === "anchor" &&
      window_s === this.#options.windowS
    );
    if (active !== undefined) await this.#take(active);
    const shadow = models.find(({ state }) => state === "shadow");
    this.#shadow = shadow === undefined
      ? undefined
      : { id: shadow.model_id, since: shadow.since };
  }

  /** Makes sure that a model is in force, and learns what is due. Returns the largest drift it saw. */
  async prepare(
    now: UnixMicros,
    context: KeeperContext,
  ): Promise<number | undefined> {
    const { notes, signal } = context;
    await this.#followRegistry(now, notes);
    if (!this.#isDue(now, context.terms)) {
      if (now - this.#tablesAt >= TABLES_US) {
        await this.#refreshTables(now, context);
      }
      if (
        this.#shadow !== undefined &&
        now - this.#shadow.since >= this.#options.shadowS * 1e6
      ) await this.#gate(now, context);
      return undefined;
    }
    const span = {
      from: now - this.#options.learnHours * 3600e6 as UnixMicros,
      to: now + AHEAD_US as UnixMicros,
    };
    const before = this.#model;
    const { model, lastDay } = await this.#learnFrom(span, context);
    this.#learnedAt = now;
    this.#labelsLearned = context.terms.labels.all.length;
    const psiMax = await this.#lookAtDrift(now, before, lastDay);
    if (model.id === before?.id) return psiMax;
    if (before === undefined || before.learning || isYoung(before)) {
      await this.#activate(model, {
        now,
        reason: before === undefined || before.learning
          ? "the first of this site"
          : "made of more than the one before",
        signal,
      });
    } else if (this.#shadow === undefined) {
      await storeModel(this.#db, model, {
        windowS: this.#options.windowS,
        signal,
      });
      await setState(this.#db, model.id, {
        state: "shadow",
        actor: "detector",
        reason: `on trial for ${this.#options.shadowS} s`,
        now,
      });
      this.#shadow = { id: model.id, since: now };
      notes.push(`Model ${model.id} is on trial`);
    }
    return psiMax;
  }

  async #take(active: RegisteredModel): Promise<void> {
    try {
      this.#model = await loadModel(this.#db, active.model_id);
      this.#learnedAt = active.train_to;
      this.#tablesAt = active.train_to;
    } catch (thrown) {
      // Another version of the program made it: learn anew.
      if (!(thrown instanceof FatalError)) throw thrown;
    }
  }

  /** People may promote and roll back models while the detector runs: the registry is right. */
  async #followRegistry(now: UnixMicros, notes: string[]): Promise<void> {
    const own = this.#model;
    if (own === undefined || own.learning) return;
    const models = await listModels(this.#db);
    const active = models.find(({ state }) => state === "active");
    if (active === undefined || active.model_id === own.id) return;
    await this.#take(active);
    this.#learnedAt = now;
    if (this.#shadow?.id === active.model_id) this.#shadow = undefined;
    notes.push(`Model ${active.model_id} was put in force: ${active.reason}`);
  }

  #isDue(now: UnixMicros, { labels }: Terms): boolean {
    const model = this.#model;
    const age = now - this.#learnedAt;
    if (model === undefined) return true;
    if (model.learning) return age >= PRIOR_US;
    if (isYoung(model)) {
      return age >= Math.min(YOUNG_US, this.#options.learnS * 1e6);
    }
    if (this.#shadow !== undefined) return false;
    return age >= this.#options.learnS * 1e6 ||
      (age >= YOUNG_US && this.#labelsLearned >= 0 &&
        labels.all.length >= this.#labelsLearned + 10);
  }

  async #refreshTables(
    now: UnixMicros,
    { terms, notes, signal }: KeeperContext,
  ): Promise<void> {
    const model = this.#model as DetectorModel;
    const span = {
      from: now - this.#options.learnHours * 3600e6 as UnixMicros,
      to: now + AHEAD_US as UnixMicros,
    };
    let tables = await learn(this.#db, span, {
      untaught: untaught(terms),
      signal,
    });
    const known = new Set(tables.releases);
    const releases = (await recogniseReleases(
      this.#db,
      { before: model.body.learned, now: tables },
      {
        span: {
          from: now - DAY_US as UnixMicros,
          to: span.to,
        },
        signal,
      },
    )).filter(({ ja4, ua_family }) => !known.has(`${ja4}|${ua_family}`));
    if (releases.length > 0) {
      await writeReleases(this.#db, releases, now);
      tables = withReleases(tables, releases);
      for (const { ja4, ua_family, ua_version, networks } of releases) {
        notes.push(
          `${ja4} is a release of ${ua_family} ${ua_version}: ${networks} networks have it`,
        );
      }
    }
    this.#model = { ...model, learned: new Learned(tables) };
    this.#tablesAt = now;
  }

  async #activate(
    model: DetectorModel,
    context: {
      now: UnixMicros;
      reason: string;
      gate?: object;
      signal?: AbortSignal | undefined;
    },
  ): Promise<void> {
    if (model.id !== this.#model?.id) {
      await storeModel(this.#db, model, {
        windowS: this.#options.windowS,
        signal: context.signal,
      });
      await setState(this.#db, model.id, {
        state: "active",
        actor: "detector",
        reason: context.reason,
        ...(context.gate === undefined ? {} : { gate: context.gate }),
        now: context.now,
      });
    }
    this.#model = model;
  }

  /** The trial is over: the candidate takes the place of the model in force, or is refused. */
  async #gate(
    now: UnixMicros,
    { terms, notes, signal }: KeeperContext,
  ): Promise<void> {
    const { id, since } = this.#shadow as { id: string; since: number };
    this.#shadow = undefined;
    let candidate: DetectorModel;
    try {
      candidate = await loadModel(this.#db, id);
    } catch (thrown) {
      if (!(thrown instanceof FatalError)) throw thrown;
      notes.push(`Model ${id} cannot be used: ${messageOf(thrown)}`);
      return;
    }
    const windowUs = this.#options.windowS * 1e6;
    const from = Math.floor(Math.max(since, now - DAY_US) / windowUs) *
      windowUs;
    const found = await judgeTwice(
      this.#db,
      { from: from as UnixMicros, to: now + AHEAD_US as UnixMicros },
      {
        active: this.#model as DetectorModel,
        candidate: { model: candidate },
        terms,
        windowS: this.#options.windowS,
        signal,
      },
    );
    const { changes: _, ...gate } = found;
    const reasons = refusals(found);
    if (reasons.length === 0) {
      await this.#activate(candidate, {
        now,
        reason: "passed its trial",
        gate,
        signal,
      });
      notes.push(`Model ${id} passed its trial and is in force`);
    } else {
      await setState(this.#db, id, {
        state: "rejected",
        actor: "detector",
        reason: reasons.join("; "),
        gate,
        now,
      });
      notes.push(`Model ${id} is refused: ${reasons.join("; ")}`);
    }
  }

  async #lookAtDrift(
    now: UnixMicros,
    model: DetectorModel | undefined,
    lastDay: Float32Array,
  ): Promise<number | undefined> {
    const windows = lastDay.length / FEATURES.length;
    if (model === undefined || model.learning || windows < DRIFT_ROWS_MIN) {
      return undefined;
    }
    const drift = driftOf(anchorValues(model.body), lastDay);
    await writeDrift(this.#db, drift, {
      day: now,
      modelId: model.id,
      windows,
      now,
    });
    return Math.max(...drift.map(({ psi }) => psi));
  }

  async #learnFrom(
    span: Span,
    { terms, signal }: Omit<KeeperContext, "notes">,
  ): Promise<LearnedModel> {
    const learned = await learnModel(this.#db, span, {
      terms,
      windowS: this.#options.windowS,
      signal,
    });
    this.#tablesAt = span.to;
    return learned;
  }
}

/** Whether a model was made of less than a day of traffic. */
function isYoung({ trainedOn }: DetectorModel): boolean {
  return trainedOn.to - trainedOn.from < DAY_US;
}

function withReleases(
  tables: LearnedTables,
  releases: readonly { ja4: string; ua_family: string }[],
): LearnedTables {
  return {
    ...tables,
    releases: [
      ...tables.releases ?? [],
      ...releases.map(({ ja4, ua_family }) => `${ja4}|${ua_family}`),
    ].sort(),
  };
}
