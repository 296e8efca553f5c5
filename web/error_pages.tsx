/**
 * Answers what fails below it: a page for people, a problem document for the API. It stands inside
 * the header middlewares, so that an error page has the same policy as any other.
 *
 * @module
 */
import { STATUS_CODES } from "node:http";
import { HttpError } from "fresh";
import { asset, Head } from "fresh/runtime";
import type { VNode } from "preact";
import { DatabaseError } from "../lib/clickhouse.ts";
import { messageOf } from "../lib/errors.ts";
import { ApiError, kindOf } from "./api/error.ts";
import { problem } from "./problem.ts";
import { define } from "./utils.ts";

/** What a person is told of a failure. */
interface Failure {
  readonly status: number;
  readonly title: string;
  readonly detail: string;
  /** `quiet` is the visitor's doing, `away` the database's, `fault` ours: with its stack in the log. */
  readonly kind: "quiet" | "away" | "fault";
}

const NEXT_STEP: Readonly<Record<number, string>> = {
  400: "The address or the form holds something that cannot be understood.",
  403: "Your role does not allow this. An administrator can change it.",
  404: "There is nothing under this address.",
  405: "This address cannot be used in this way.",
  429: "Too many attempts. Wait a little and try again.",
};

export const errorPages = define.middleware(async (ctx) => {
  try {
    return await ctx.next();
  } catch (thrown) {
    const failure = describeFailure(thrown);
    const { request_id, services } = ctx.state;
    const { status, detail, kind } = failure;
    const { method } = ctx.req;
    const request = { request_id, method, path: ctx.url.pathname, status };
    if (kind === "away") {
      services.log.warning("A request needed the database, which is away", {
        ...request,
        error: messageOf(thrown),
      });
    } else if (kind === "fault") {
      services.log.error("A request failed", {
        ...request,
        error: thrown instanceof Error ? thrown.stack : String(thrown),
      });
    }
    if (ctx.url.pathname.startsWith("/api/")) {
      return problem({
        status,
        kind: thrown instanceof ApiError ? thrown.kind : kindOf(status),
        detail,
        base: services.basePath,
        instance: request_id,
        members: thrown instanceof ApiError ? thrown.members : {},
        headers: {
          ...HEADERS[status],
          ...(thrown instanceof ApiError ? thrown.headers : {}),
        },
      });
    }
    return await ctx.render(
      <ErrorPage {...failure} request_id={request_id} />,
      { status, headers: HEADERS[status] ?? {} },
    );
  }
});

/** What a status owes whoever asked (RFC 9110, section 15.5.2; RFC 6585, section 4); seconds. */
const HEADERS: Readonly<Record<number, Readonly<Record<string, string>>>> = {
  401: { "www-authenticate": "Bearer" },
  429: { "retry-after": "5" },
};

/** What to say of anything thrown; nothing of an unexpected error's own text is shown. */
export function describeFailure(thrown: unknown): Failure {
  if (thrown instanceof ApiError) {
    return {
      status: thrown.status,
      title: STATUS_CODES[thrown.status] ?? "Error",
      detail: thrown.message,
      kind: "quiet",
    };
  }
  if (thrown instanceof HttpError) {
    const title = STATUS_CODES[thrown.status] ?? "Error";
    const detail = thrown.message || NEXT_STEP[thrown.status] || title;
    return {
      status: thrown.status,
      title,
      detail,
      kind: thrown.status >= 500 ? "away" : "quiet",
    };
  }
  if (thrown instanceof DatabaseError && thrown.retry !== "reject") {
    return {
      status: 503,
      title: "The database does not answer",
      detail:
        "ClickHouse is away or still starting, so there is nothing to show. Traffic is kept and stored when it is back.",
      kind: "away",
    };
  }
  return {
    status: 500,
    title: "Something went wrong here",
    detail: "This is a fault of the dashboard. Its log has the details.",
    kind: "fault",
  };
}

function ErrorPage(
  { status, title, detail, request_id }: Failure & { request_id: string },
): VNode {
  return (
    <>
      <Head>
        <link rel="stylesheet" href={asset("/entry.css")} />
        <title>{title} · JA4 Platform</title>
      </Head>
      <section class="error-page">
        <p class="error-status">{status}</p>
        <h1>{title}</h1>
        <p>{detail}</p>
        <p class="error-actions">
          {status >= 500 ? <a class="btn" href="">Try again</a> : null}
          <a class="btn" href="/">Overview</a>
        </p>
        <p class="muted">
          Request <code>{request_id}</code>
        </p>
      </section>
    </>
  );
}
