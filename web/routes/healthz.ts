import { define } from "../utils.ts";

/** Whether the process answers at all. */
export const handler = define.handlers({
  GET: () => new Response("ok\n"),
});
