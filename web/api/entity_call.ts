import type { Context } from "fresh";
import type { State } from "../utils.ts";
import { entityAnswer, type EntityKind, readEntity } from "./entities.ts";
import { ApiError } from "./error.ts";
import { answerTagged } from "./etag.ts";
import { readCall } from "./read.ts";
import { readRange } from "./search.ts";

/** Answers with what is known of one value of the traffic. @throws {ApiError} 404 */
export async function answerEntity(
  ctx: Context<State>,
  kind: EntityKind,
  value: string,
): Promise<Response> {
  const range = readRange(ctx, await readCall(ctx));
  const { db } = ctx.state;
  const entity = await readEntity(db, kind, value);
  if (entity === undefined) {
    throw new ApiError(
      404,
      "not-found",
      `"${value.slice(0, 60)}" is no ${kind} that is known`,
    );
  }
  return answerTagged(ctx, await entityAnswer(db, entity, range));
}
