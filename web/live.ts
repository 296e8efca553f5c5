/** What the server tells every open page as soon as it changes. @module */

/** A request as the live list shows it. Text fields are the client's words. */
export interface LiveRequest {
  readonly event_id: string;
  /** Microseconds since the epoch. */
  readonly ts: number;
  readonly src_ip: string;
  readonly ja4: string;
  /** Family of the client known for the JA4; empty if none. */
  readonly ja4_client: string;
  readonly match: "conn" | "window" | "none" | "tls_only";
  readonly http_method: string;
  readonly http_host: string;
  readonly url_path: string;
  readonly status_code: number;
  readonly user_agent: string;
}

/** Something that happened to a process of the pipeline. */
export interface LivePipelineEvent {
  /** Microseconds since the epoch. */
  readonly ts: number;
  readonly component: string;
  readonly event: string;
  readonly detail: string;
}

/** The state of things at one moment. Each snapshot is whole: none needs the one before. */
export interface LiveSnapshot {
  /** Rises with each snapshot; the identifier of the server-sent event. */
  readonly seq: number;
  /** When it was taken, microseconds since the epoch. */
  readonly ts: number;
  /** Whether the database answered; if not, everything else is as it was when it last did. */
  readonly database: "up" | "down";
  /** Requests that began in the last 60 seconds. */
  readonly requests_1m: number;
  /** ClientHellos of the last 60 seconds, with or without a request. */
  readonly handshakes_1m: number;
  /** Share of the last hour's requests over TLS that have their handshake, 0..1; null without any. */
  readonly correlated: number | null;
  readonly open_detections: number;
  /** Newest first, {@linkcode REQUESTS_MAX} at most. */
  readonly requests: readonly LiveRequest[];
  /** Newest first, {@linkcode PIPELINE_EVENTS_MAX} at most. */
  readonly pipeline_events: readonly LivePipelineEvent[];
}

export const REQUESTS_MAX = 20;
export const PIPELINE_EVENTS_MAX = 5;
/** Milliseconds between two looks at the database. */
export const INTERVAL_MS = 500;
/** Milliseconds after which a stream that has nothing to say says so. */
export const ALIVE_MS = 2000;
/** Milliseconds of silence after which a page calls its numbers stale: two signs of life went missing. */
export const STALE_MS = 5000;

/** A request as the Live page shows it. */
export interface LiveRow extends LiveRequest {
  readonly url_query: string;
  /** 0 if it is not known. */
  readonly asn: number;
  readonly country: string;
  readonly response_bytes: number;
  /** Microseconds. */
  readonly duration_us: number;
  readonly http_version: string;
}

/** Requests that were stored since the last batch: event `requests` of a stream that asks for them. */
export interface LiveBatch {
  /** Number of the row that comes next. */
  readonly next: number;
  /** Requests between the last batch and this one that are in neither. */
  readonly lost: number;
  /** Oldest first. */
  readonly rows: readonly LiveRow[];
}
