/** Shapes of the API's answers, as JSON Schema. @module */
import { ROLES } from "../../lib/accounts.ts";

type Schema = Readonly<Record<string, unknown>>;

const TEXT: Schema = { type: "string" };
const NUMBER: Schema = { type: "number" };
const FLAG: Schema = { type: "boolean" };
const TIME: Schema = { type: "string", format: "date-time" };
const ROLE: Schema = { type: "string", enum: ROLES };

function object(properties: Readonly<Record<string, Schema>>): Schema {
  return {
    type: "object",
    required: Object.keys(properties),
    properties,
    additionalProperties: false,
  };
}

function list(items: Schema): Schema {
  return { type: "array", items };
}

function pageOf(
  items: Schema,
  page: Readonly<Record<string, Schema>> = {},
): Schema {
  return object({
    data: list(items),
    page: object({ next: { type: ["string", "null"] }, ...page }),
  });
}

/** Over 10 000 the total is not counted on, and says so. */
const TOTAL = { total: NUMBER, total_is_exact: FLAG };

const DETECTION: Readonly<Record<string, Schema>> = {
  id: TEXT,
  first_seen: TIME,
  last_seen: TIME,
  src_ip: TEXT,
  ja4: TEXT,
  http_host: TEXT,
  severity: TEXT,
  score: NUMBER,
  title: TEXT,
  requests: NUMBER,
  state: TEXT,
  verdict: TEXT,
  assignee: TEXT,
  campaign_id: TEXT,
};

const NUMBER_OR_NULL: Schema = { type: ["number", "null"] };
const TIME_OR_NULL: Schema = { type: ["string", "null"], format: "date-time" };
const MEMBERS = list(object({ value: TEXT, requests: NUMBER }));

const CLASSES: Readonly<Record<string, Schema>> = {
  unscored: NUMBER,
  human: NUMBER,
  verified: NUMBER,
  likely: NUMBER,
  anomalous: NUMBER,
};
const CODE_POINTS = list(
  object({ code: TEXT, name: TEXT, weak: FLAG, post_quantum: FLAG }),
);

const PIPELINE: Readonly<Record<string, Schema>> = {
  lag_seconds: NUMBER_OR_NULL,
  correlated: NUMBER_OR_NULL,
  dropped: NUMBER,
  last_event: TIME_OR_NULL,
};

const TRIAGE_ENTRY = object({
  ts: TIME,
  actor: TEXT,
  state: TEXT,
  verdict: TEXT,
  assignee: TEXT,
  note: TEXT,
});

const SIMILAR = object({
  total: NUMBER,
  data: list(object({
    ja4: TEXT,
    client: TEXT,
    last_seen: TIME,
    difference: { type: ["object", "null"] },
  })),
});

const RULE = object({
  id: TEXT,
  name: TEXT,
  query: TEXT,
  action: TEXT,
  actor: TEXT,
  made_at: TIME,
  expires_at: TIME_OR_NULL,
  hits: NUMBER,
});

const VIEW = object({
  id: TEXT,
  login: TEXT,
  name: TEXT,
  path: TEXT,
  shared: FLAG,
});

const LIST_ENTRY = object({
  id: TEXT,
  list: TEXT,
  kind: TEXT,
  value: TEXT,
  reason: TEXT,
  actor: TEXT,
  made_at: TIME,
  expires_at: TIME_OR_NULL,
});

const USER = object({
  login: TEXT,
  display_name: TEXT,
  role: ROLE,
  disabled: FLAG,
  second_factor: FLAG,
  sessions: NUMBER,
});

export const SCHEMAS: Readonly<Record<string, Schema>> = {
  Me: object({ login: TEXT, display_name: TEXT, role: ROLE }),
  OpenApi: { type: "object" },
  RequestPage: pageOf({ type: "object" }, { ...TOTAL, as_of: TIME }),
  Validation: {
    type: "object",
    required: ["ok"],
    properties: {
      ok: FLAG,
      canonical: TEXT,
      message: TEXT,
      position: NUMBER,
      length: NUMBER,
      hint: TEXT,
    },
    additionalProperties: false,
  },
  Statement: object({ sql: TEXT }),
  Overview: object({
    from: TIME,
    to: TIME,
    requests: NUMBER,
    requests_before: NUMBER,
    classes: object(CLASSES),
    anomalous_share: NUMBER,
    threat: object({ points: NUMBER, word: TEXT, reason: TEXT }),
    detections: object({
      open: object({
        critical: NUMBER,
        high: NUMBER,
        medium: NUMBER,
        low: NUMBER,
      }),
      inbox: NUMBER,
      escalated: NUMBER,
      archived: NUMBER,
      mine: NUMBER,
      oldest: TIME_OR_NULL,
    }),
    ja4s: object({ seen: NUMBER, new: NUMBER }),
    campaigns: NUMBER,
    pipeline: object(PIPELINE),
  }),
  Timeseries: object({
    from: TIME,
    to: TIME,
    step_seconds: NUMBER,
    usual_from: TEXT,
    data: list(object({
      ts: TIME,
      requests: NUMBER,
      usual: NUMBER_OR_NULL,
      ...CLASSES,
    })),
  }),
  Top: object({
    from: TIME,
    to: TIME,
    data: list(object({
      value: TEXT,
      requests: NUMBER,
      anomalous_share: NUMBER_OR_NULL,
    })),
  }),
  DecodedJa4: object({
    ja4: TEXT,
    a: TEXT,
    b: TEXT,
    c: TEXT,
    meaning: list(object({ code: TEXT, meaning: TEXT })),
    lists: {
      ...object({
        cipher_suites: CODE_POINTS,
        extensions: CODE_POINTS,
        supported_groups: CODE_POINTS,
        signature_algorithms: CODE_POINTS,
        key_share_groups: CODE_POINTS,
        client_alpns: list(TEXT),
        ja4_r: TEXT,
      }),
      type: ["object", "null"],
    },
  }),
  DetectionPage: pageOf(object(DETECTION), { ...TOTAL, as_of: TIME }),
  DetectionRequests: object({
    data: list(object({
      ts: TIME,
      match: TEXT,
      orphan_reason: TEXT,
      http_method: TEXT,
      http_host: TEXT,
      url_path: TEXT,
      url_query: TEXT,
      http_version: TEXT,
      status_code: NUMBER,
      response_bytes: NUMBER,
      user_agent: TEXT,
      ja4: TEXT,
      header_order: TEXT,
    })),
    page: object(TOTAL),
  }),
  DetectionEvents: object({ data: list(TRIAGE_ENTRY) }),
  Health: object(PIPELINE),
  SimilarJa4s: object({
    ja4: TEXT,
    a: SIMILAR,
    b: SIMILAR,
    c: SIMILAR,
  }),
  Rules: object({ data: list(RULE) }),
  Rule: RULE,
  RuleTrial: object({
    days: NUMBER,
    detections: NUMBER,
    confirmed: NUMBER,
    open: NUMBER,
  }),
  EntryTrial: object({
    days: NUMBER,
    kind: TEXT,
    value: TEXT,
    addresses: NUMBER,
    requests: NUMBER,
    people: NUMBER,
    detections: NUMBER,
    confirmed: NUMBER,
  }),
  Tokens: object({
    data: list(object({
      id: TEXT,
      name: TEXT,
      scopes: list(TEXT),
      networks: list(TEXT),
      created_at: TIME,
      last_used: TIME_OR_NULL,
      expires_at: TIME,
    })),
  }),
  NewToken: object({ id: TEXT, token: TEXT }),
  BulkOutcome: object({
    changed: NUMBER,
    already: NUMBER,
    skipped: NUMBER,
    undo: { type: ["string", "null"] },
  }),
  Detection: object({
    ...DETECTION,
    summary: TEXT,
    base: NUMBER,
    reasons: list({ type: "object" }),
    rules: list({ type: "object" }),
    history: list(TRIAGE_ENTRY),
  }),
  TriageOutcome: object({ changed: FLAG }),
  Views: object({ data: list(VIEW) }),
  View: VIEW,
  Entity: object({
    kind: TEXT,
    value: TEXT,
    from: TIME,
    to: TIME,
    requests: NUMBER,
    handshakes: NUMBER_OR_NULL,
    addresses: NUMBER,
    status_4xx: NUMBER,
    status_5xx: NUMBER_OR_NULL,
    anomalous_share: NUMBER_OR_NULL,
    first_seen: TIME_OR_NULL,
    last_seen: TIME_OR_NULL,
    ips: MEMBERS,
    ja4s: MEMBERS,
    hosts: MEMBERS,
    asns: MEMBERS,
    detections: list(object({
      id: TEXT,
      severity: TEXT,
      score: NUMBER,
      title: TEXT,
      src_ip: TEXT,
      http_host: TEXT,
      state: TEXT,
      last_seen: TIME,
    })),
  }),
  ListEntries: object({ data: list(LIST_ENTRY) }),
  ListEntry: LIST_ENTRY,
  Users: object({ data: list(USER) }),
  User: USER,
  AuditPage: pageOf(object({
    ts: TIME,
    actor: TEXT,
    src_ip: TEXT,
    action: TEXT,
    object_kind: TEXT,
    object: TEXT,
    detail: { type: "object" },
    ok: FLAG,
    request_id: TEXT,
  })),
  Problem: {
    type: "object",
    required: ["type", "title", "status", "detail", "instance"],
    properties: {
      type: TEXT,
      title: TEXT,
      status: NUMBER,
      detail: TEXT,
      instance: TEXT,
      errors: list(object({ pointer: TEXT, code: TEXT, detail: TEXT })),
      position: NUMBER,
      length: NUMBER,
      hint: TEXT,
    },
  },
};
