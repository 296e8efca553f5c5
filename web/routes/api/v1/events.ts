import { HttpError } from "fresh";
import { define } from "../../../utils.ts";

/** Live numbers, and with `?requests=1` the requests themselves, as server-sent events (live.ts). */
export const handler = define.handlers({
  GET(ctx) {
    const [snapshot = 0, row = 0] = (ctx.req.headers.get("last-event-id") ?? "")
      .split(".").map((part) =>
        Number.isSafeInteger(Number(part)) ? Number(part) : 0
      );
    const wanted = ctx.url.searchParams.get("requests") === "1";
    const stream = ctx.state.services.live.subscribe({
      snapshot,
      row: wanted ? row : undefined,
    });
    if (stream === undefined) {
      throw new HttpError(503, "Too many pages follow the live numbers");
    }
    return new Response(stream, {
      headers: {
        "content-type": "text/event-stream",
        // A proxy that compresses or buffers would hold events back.
        "cache-control": "no-store, no-transform",
        "x-accel-buffering": "no",
      },
    });
  },
});
