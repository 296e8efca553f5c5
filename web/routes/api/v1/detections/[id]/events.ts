import { detectionOf, toldEntry } from "../../../../../api/detections.ts";
import { loadTriageHistory } from "../../../../../data/triage.ts";
import { define } from "../../../../../utils.ts";

/** What was done to a detection, newest first. */
export const handler = define.handlers({
  async GET(ctx) {
    const { id } = await detectionOf(ctx);
    const history = await loadTriageHistory(ctx.state.db, id);
    return ctx.json({ data: history.map(toldEntry) });
  },
});
