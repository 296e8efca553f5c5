/**
 * The cycle: learn now and then, read the windows that new events touched, judge them, write. Time
 * comes from the caller. All that a restart would need rests in the database: the model in force,
 * and up to where events are scored, written last, so that a cycle which was cut off is done again.
 *
 * @module
 */
import type { Database } from "../lib/clickhouse.ts";
import { FatalError, messageOf } from "../lib/errors.ts";
import type { UnixMicros } from "../lib/events.ts";
import { FEATURES } from "../lib/features.ts";
import { type Sql, sql, typed } from "../lib/sql.ts";
import { advanceAlerts } from "./alert_store.ts";
import type { AlertOptions } from "./alerts.ts";
import { anchorRows } from "./anchor.ts";
import { type Resolver, standingsOf } from "./bot_names.ts";
import {
  anchorValues,
  bodyOf,
  buildModel,
  type DetectorModel,
  type ModelBody,
  type ModelName,
} from "./detector_model.ts";
import { DRIFT_ROWS_MIN, driftOf, writeDrift } from "./drift.ts";
import { featureMatrix } from "./features.ts";
import { claimsOf } from "./known_bots.ts";
import { learnWeights } from "./label_weights.ts";
import { anchorExamples, readExamples } from "./labelled_windows.ts";
import { type LabelSet, readLabels } from "./labels.ts";
import {
  addTables,
  learn,
  Learned,
  type LearnedTables,
  micros,
  type Span,
  within,
} from "./learned.ts";
import { type ClientLists, readLists } from "./lists.ts";
import prior from "./prior.json" with { type: "json" };
import {
  listModels,
  loadModel,
  type RegisteredModel,
  setState,
  storeModel,
} from "./registry.ts";
import { recogniseReleases, writeReleases } from "./releases.ts";
import { compare, type Comparison, refusals } from "./retro.ts";
import { writeVerdicts, type Written } from "./results.ts";
import { rateFor, readSettings, type Settings } from "./settings.ts";
import { readSilent } from "./silent.ts";
import { judge, type VerdictOptions } from "./verdict.ts";
import { readWindows, type WindowFacts } from "./windows.ts";

/** Settings of a detector, from detect.toml. */
export interface DetectorOptions {
  readonly windowS: number;
  /** How often it learns a new model, once a day of traffic is there. */
  readonly learnS: number;
  /** How far back it learns from. */
  readonly learnHours: number;
  /** How long a new model is on trial. */
  readonly shadowS: number;
  readonly settings: Settings;
  readonly models: ReadonlySet<ModelName>;
  readonly alerts: AlertOptions;
  /** Names of the outputs that alerts go to. */
  readonly outputs: readonly string[];
  /** Asks for the reverse names of bots; without it published networks decide. */
  readonly resolver?: Resolver | undefined;
}

/** What a cycle did. */
export interface CycleReport extends Written {
  readonly model: DetectorModel;
  /** What became of models in this cycle, for the log. */
  readonly notes: readonly string[];
  /** Largest index of the last look at drift; undefined without one in this cycle. */
  readonly psiMax: number | undefined;
  readonly notifications: number;
  readonly alarmRate: number;
}

/** What a cycle judges by; read anew in each. */
interface Terms {
  readonly lists: ClientLists;
  readonly labels: LabelSet;
  readonly options: VerdictOptions;
}

/** Longest span that one query reads; cut to whole windows. */
const CHUNK_US = 6 * 3600e6;
/** Events later than this are not scored any more. */
const LATE_US = 24 * 3600e6;
/** Allowance for event times ahead of the clock. */
const AHEAD_US = 60e6;
/** Time until the prior is left behind, or a model of less than a day's traffic is made anew. */
const PRIOR_US = 60e6;
const YOUNG_US = 3600e6;
const DAY_US = 24 * 3600e6;
/** Time until the tables of the model in force are read anew. */
const TABLES_US = 3600e6;
/** Windows that are learned from; of more a part of the addresses is taken. */
const WINDOWS_MAX = 60_000;
const INSTANCE = "detect";

/** A detector on one database. */
export class Detector {
  readonly #db: Database;
  readonly #options: DetectorOptions;
  #model: DetectorModel | undefined;
  #shadow: { id: string; since: number } | undefined;
  #learnedAt = 0;
  #tablesAt = 0;
  #labelsLearned = -1;
  /** Events stored before this, seconds since the epoch by the database's clock, are scored. */
  #storedUpTo = 0;
  #listsRev = 0;
  #resumed = false;

  constructor(db: Database, options: DetectorOptions) {
    this.#db = db;
    this.#options = options;
  }

  get model(): DetectorModel | undefined {
    return this.#model;
  }

  /** Newest change of lists, labels and settings that was honoured. */
  get listsRev(): number {
    return this.#listsRev;
  }

  /** One cycle at `now`. */
  async cycle(now: UnixMicros, signal?: AbortSignal): Promise<CycleReport> {
    const startedMs = performance.now();
    if (!this.#resumed) await this.#resume(signal);
    const terms = await this.#terms(now, signal);
    const notes: string[] = [];
    const psiMax = await this.#prepare(now, { terms, notes, signal });
    const model = this.#model as DetectorModel;
    const { from, upTo } = await this.#touched(now, terms, signal);
    const written = from === undefined
      ? { windows: 0, alerts: {}, detections: 0, campaigns: 0 }
      : await this.#score(
        { from, to: now + AHEAD_US as UnixMicros },
        {
          now,
          terms,
          touched: {
            since: this.#storedUpTo,
            openFrom: this.#openFrom(now, terms),
          },
          signal,
        },
      );
    const { notifications } = await advanceAlerts(this.#db, {
      ...this.#options.alerts,
      outputs: this.#options.outputs,
      now,
      signal,
    });
    await this.#db.insertRows("detector_cycles", [{
      instance: INSTANCE,
      stored_upto: upTo,
      lists_rev: terms.lists.rev,
      started_at: now,
      seconds: (performance.now() - startedMs) / 1000,
      windows: written.windows,
      detections: written.detections,
      model_id: model.id,
      rev: now,
    }], { signal });
    this.#storedUpTo = upTo;
    this.#listsRev = terms.lists.rev;
    return {
      ...written,
      model,
      notes,
      psiMax,
      notifications,
      alarmRate: terms.options.alarmRate,
    };
  }

  /** Learns from `span` and puts the model in force. */
  async learn(span: Span, signal?: AbortSignal): Promise<DetectorModel> {
    const terms = await this.#terms(span.to, signal);
    const { model } = await this.#candidate(span, { terms, signal });
    await this.#activate(model, { now: span.to, reason: "asked for", signal });
    return model;
  }

  /** Judges and writes every window of `span`, whose start must be one of a window. */
  async score(
    span: Span,
    context: { now: UnixMicros; signal?: AbortSignal | undefined },
  ): Promise<Written> {
    const terms = await this.#terms(context.now, context.signal);
    return await this.#score(span, { ...context, terms });
  }

  /**
   * Judges the windows of `span` twice: by the model in force, and by what `candidate` changes.
   * Nothing is written.
   */
  async retro(
    span: Span,
    candidate: { model?: DetectorModel; options?: Partial<VerdictOptions> },
    context: { now: UnixMicros; signal?: AbortSignal | undefined },
  ): Promise<Comparison> {
    const { now, signal } = context;
    if (!this.#resumed) await this.#resume(signal);
    const terms = await this.#terms(now, signal);
    const active = this.#model;
    if (active === undefined) {
      throw new FatalError("noInput", "No model is in force yet");
    }
    const every = await this.#every(span, signal);
    const windows = await readWindows(this.#db, span, {
      windowS: this.#options.windowS,
      coldBits: active.learned.tables.coldBits,
      every,
      signal,
    });
    const before = judge(windows, active, terms.options);
    const after = judge(windows, candidate.model ?? active, {
      ...terms.options,
      ...candidate.options,
    });
    return compare(
      before,
      after,
      ({ facts }) => terms.labels.of(facts)?.label === "human",
    );
  }

  /** What was in force when the last detector on this database stopped. */
  async #resume(signal?: AbortSignal): Promise<void> {
    const [last] = await this.#db.query<{ upTo: number; lists: number }>(
      sql`
SELECT max(toUnixTimestamp(stored_upto)) AS upTo, argMax(lists_rev, rev) AS lists
FROM detector_cycles WHERE instance = ${INSTANCE}`,
      { signal, settings: { output_format_json_quote_64bit_integers: 0 } },
    );
    this.#storedUpTo = last?.upTo ?? 0;
    this.#listsRev = last?.lists ?? 0;
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
    this.#resumed = true;
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

  async #terms(now: UnixMicros, signal?: AbortSignal): Promise<Terms> {
    const lists = await readLists(this.#db, signal);
    const labels = await readLabels(this.#db, now, signal);
    const settings = await readSettings(
      this.#db,
      this.#options.settings,
      signal,
    );
    return {
      lists,
      labels,
      options: {
        alarmRate: await rateFor(this.#db, settings, { now, signal }),
        rules: settings.rules,
        models: this.#options.models,
        lists,
        labels,
      },
    };
  }

  /** Makes sure that a model is in force, and learns what is due. Returns the largest drift it saw. */
  async #prepare(
    now: UnixMicros,
    context: {
      terms: Terms;
      notes: string[];
      signal?: AbortSignal | undefined;
    },
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
    const { model, lastDay } = await this.#candidate(span, context);
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

  /** Makes a model of the traffic of `span`, of the prior where there is too little. */
  async #candidate(
    span: Span,
    { terms, signal }: { terms: Terms; signal?: AbortSignal | undefined },
  ): Promise<{ model: DetectorModel; lastDay: Float32Array }> {
    const tables = await learn(this.#db, span, {
      untaught: untaught(terms),
      signal,
    });
    this.#tablesAt = span.to;
    const windows = await readWindows(this.#db, span, {
      windowS: this.#options.windowS,
      coldBits: tables.coldBits,
      every: await this.#every(span, signal),
      signal,
    });
    const matrix = featureMatrix(windows, new Learned(tables));
    const denied = (facts: WindowFacts) =>
      terms.lists.deniedBy(facts) !== "" ||
      ["bot", "good_bot"].includes(terms.labels.of(facts)?.label ?? "");
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
    const first = Math.min(...windows.map(({ first_ts }) => first_ts));
    const trainedOn = {
      from: Math.max(span.from, first) as UnixMicros,
      to: span.to,
    };
    const weighted = await this.#weighted(body, { trainedOn, terms, signal });
    const day = windows.flatMap(({ window_start }, row) =>
      span.to - window_start <= DAY_US ? [row] : []
    );
    const people = anchorRows(
      windows,
      matrix,
      day.filter((row) => !denied(windows[row] as WindowFacts)),
    );
    return { model: weighted, lastDay: rowsOf(matrix.values, people) };
  }

  /** The model of a body, with what labels say of its features where they are enough. */
  async #weighted(
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
      this.#db,
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

  async #refreshTables(
    now: UnixMicros,
    { terms, notes, signal }: {
      terms: Terms;
      notes: string[];
      signal?: AbortSignal | undefined;
    },
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
    this.#resumed = true;
  }

  /** The trial is over: the candidate takes the place of the model in force, or is refused. */
  async #gate(
    now: UnixMicros,
    { notes, signal }: { notes: string[]; signal?: AbortSignal | undefined },
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
    const found = await this.retro(
      { from: from as UnixMicros, to: now + AHEAD_US as UnixMicros },
      { model: candidate },
      { now, signal },
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

  /** Of so many addresses one is read, for no more windows than are learned from. */
  async #every(span: Span, signal?: AbortSignal): Promise<number> {
    const [row] = await this.#db.query<{ windows: number }>(
      sql`
SELECT uniq(toStartOfInterval(ts, toIntervalSecond(${
        typed(this.#options.windowS, "UInt32")
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

  async #score(
    span: Span,
    context: {
      now: UnixMicros;
      terms: Terms;
      touched?: { since: number; openFrom: number };
      signal?: AbortSignal | undefined;
    },
  ): Promise<Written> {
    const model = this.#model as DetectorModel;
    const { terms, now, signal } = context;
    const sum = { windows: 0, detections: 0, campaigns: 0 };
    const alerts: Record<string, number> = {};
    const windowUs = this.#options.windowS * 1e6;
    const chunkUs = Math.max(1, Math.floor(CHUNK_US / windowUs)) * windowUs;
    for (let from: number = span.from; from < span.to; from += chunkUs) {
      const part = {
        from: from as UnixMicros,
        to: Math.min(from + chunkUs, span.to) as UnixMicros,
      };
      const windows = await readWindows(this.#db, part, {
        windowS: this.#options.windowS,
        coldBits: model.learned.tables.coldBits,
        ...(context.touched === undefined ? {} : { touched: context.touched }),
        signal,
      });
      if (context.touched !== undefined) {
        windows.push(
          ...await readSilent(this.#db, part, {
            windowS: this.#options.windowS,
            lists: terms.lists,
            signal,
          }),
        );
      }
      const { resolver } = this.#options;
      const names = resolver === undefined
        ? undefined
        : await standingsOf(this.#db, claimsOf(windows), {
          resolver,
          now,
          signal,
        });
      const verdicts = judge(windows, model, { ...terms.options, names });
      const written = await writeVerdicts(this.#db, verdicts, {
        model,
        now,
        signal,
      });
      sum.windows += written.windows;
      sum.detections += written.detections;
      sum.campaigns += written.campaigns;
      for (const [severity, count] of Object.entries(written.alerts)) {
        alerts[severity] = (alerts[severity] ?? 0) + count;
      }
    }
    return { ...sum, alerts };
  }

  /** From here on every window is judged, also those that no new event touched. */
  #openFrom(now: UnixMicros, { lists }: Terms): number {
    const windowUs = this.#options.windowS * 1e6;
    const open = Math.floor(now / windowUs) * windowUs;
    return lists.rev === this.#listsRev ? open : open - windowUs;
  }

  /**
   * Start of the first window to judge: that of the first event stored since the last cycle, or,
   * where people changed lists, labels or settings, the one before the open window.
   */
  async #touched(
    now: UnixMicros,
    terms: Terms,
    signal?: AbortSignal,
  ): Promise<{ from: UnixMicros | undefined; upTo: number }> {
    const since = this.#storedUpTo;
    // Events that came while no detector ran are late by no fault of theirs.
    const oldest = (since === 0 ? now : Math.min(now, since * 1e6)) - LATE_US;
    const [row] = await this.#db.query<
      { first: number; events: number; clock: number }
    >(
      sql`
SELECT toUnixTimestamp64Micro(min(ts)) AS first, count() AS events, toUnixTimestamp(now()) AS clock
FROM http_events
WHERE ts >= ${micros(oldest as UnixMicros)} AND ts < ${
        micros(now + AHEAD_US as UnixMicros)
      } AND ingest_ts >= toDateTime(${typed(since, "UInt32")}, 'UTC')`,
      { signal, settings: { output_format_json_quote_64bit_integers: 0 } },
    );
    // Stored in whole seconds: those of the second that is running are read again next time.
    const upTo = (row?.clock ?? 0) - 1;
    const windowUs = this.#options.windowS * 1e6;
    const starts = [
      ...(row === undefined || row.events === 0
        ? []
        : [Math.floor(row.first / windowUs) * windowUs]),
      ...(terms.lists.rev === this.#listsRev
        ? []
        : [this.#openFrom(now, terms)]),
    ];
    return {
      from: starts.length === 0 ? undefined : Math.min(...starts) as UnixMicros,
      upTo,
    };
  }
}

/** Whether a model was made of less than a day of traffic. */
function isYoung({ trainedOn }: DetectorModel): boolean {
  return trainedOn.to - trainedOn.from < DAY_US;
}

/** Clients that teach nothing: denied ones, and those that an analyst called bots. */
function untaught({ lists, labels }: Terms): Sql {
  const { networks, ja4s, hosts } = lists.denied;
  const bots = labels.all.filter(({ label, scope }) =>
    label === "bot" && scope !== "window"
  );
  const addresses = bots.map(({ src_ip }) =>
    src_ip.includes(":") ? `${src_ip}/128` : `::ffff:${src_ip}/128`
  );
  const all = [...new Set([...networks, ...addresses])].slice(0, 5000);
  const wide = bots.flatMap(({ scope, ja4 }) => scope === "ja4" ? [ja4] : []);
  return sql`ja4 IN ${[...ja4s, ...wide]} OR http_host IN ${hosts}
    OR arrayExists(prefix -> isIPAddressInRange(toString(src_ip), prefix), ${all})`;
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

function rowsOf(values: Float32Array, rows: readonly number[]): Float32Array {
  const width = FEATURES.length;
  const out = new Float32Array(rows.length * width);
  for (const [i, row] of rows.entries()) {
    out.set(values.subarray(row * width, (row + 1) * width), i * width);
  }
  return out;
}
