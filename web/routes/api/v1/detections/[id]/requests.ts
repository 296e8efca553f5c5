import { detectionOf } from "../../../../../api/detections.ts";
import { readCall } from "../../../../../api/read.ts";
import { countRequests, loadRequests } from "../../../../../data/requests.ts";
import { define } from "../../../../../utils.ts";

/** Requests of a page, unless said otherwise. */
const LIMIT = 100;
/** Milliseconds before and after a detection that its requests may lie. */
const MARGIN_MS = 1000;

/** The newest requests that a detection is about. */
export const handler = define.handlers({
  async GET(ctx) {
    const asked = await readCall(ctx);
    const { src_ip, ja4, http_host, firstSeenMs, lastSeenMs } =
      await detectionOf(ctx);
    const { db } = ctx.state;
    const filter = {
      src_ip,
      ja4,
      http_host,
      from: new Date(firstSeenMs - MARGIN_MS),
      to: new Date(lastSeenMs + MARGIN_MS),
    };
    const [rows, total] = await Promise.all([
      loadRequests(db, filter, asked.number("limit") ?? LIMIT),
      countRequests(db, filter),
    ]);
    return ctx.json({
      data: rows.map(({ tsMs, ...row }) => ({
        ts: new Date(tsMs).toISOString(),
        ...row,
      })),
      page: { total, total_is_exact: true },
    });
  },
});
