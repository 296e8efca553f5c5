import { loadPipelineState } from "../../../data/pipeline.ts";
import { define } from "../../../utils.ts";

/** How the pipeline is. */
export const handler = define.handlers({
  async GET(ctx) {
    const { db } = ctx.state;
    const nowMs = ctx.state.now() / 1000;
    const state = await loadPipelineState(db, nowMs);
    return ctx.json({
      lag_seconds: state.lagS ?? null,
      correlated: state.correlated ?? null,
      dropped: state.dropped,
      last_event: state.lastEventMs === undefined
        ? null
        : new Date(state.lastEventMs).toISOString(),
    });
  },
});
