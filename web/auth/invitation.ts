import type { Context } from "fresh";
import type { State } from "../utils.ts";

/** Hours for which a link to log in once is good. */
export const INVITE_H = 48;

/** The link of a one-time token, as its reader will open it. */
export function invitation(ctx: Context<State>, token: string): string {
  const { publicOrigin, basePath } = ctx.state.services;
  return `${
    publicOrigin ?? ctx.url.origin
  }${basePath}/login?token=${token}&next=/settings`;
}
