import { answerEntity } from "../../../../api/entity_call.ts";
import { define } from "../../../../utils.ts";
import { pathParam } from "../../../../path_param.ts";

export const handler = define.handlers({
  GET: (ctx) => answerEntity(ctx, "ua", pathParam(ctx, "hash")),
});
