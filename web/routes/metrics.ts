import { define } from "../utils.ts";

/** Counters for Prometheus. */
export const handler = define.handlers({
  async GET(ctx) {
    const { registry } = ctx.state.services.metrics;
    return new Response(await registry.metrics(), {
      headers: { "content-type": registry.contentType },
    });
  },
});
