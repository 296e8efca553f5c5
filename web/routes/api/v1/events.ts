import { HttpError } from "fresh";
import { define } from "../../../utils.ts";

/** Live numbers as server-sent events; live.ts has their shape. */
export const handler = define.handlers({
  GET(ctx) {
    const lastId = Number(ctx.req.headers.get("last-event-id") ?? 0);
    const stream = ctx.state.services.live.subscribe(
      Number.isSafeInteger(lastId) ? lastId : 0,
    );
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
