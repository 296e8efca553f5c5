/** What the pages of networks, countries and hosts ask for. @module */
import { type Context, page, type PageResponse } from "fresh";
import type { EntityPageData } from "../components/entity_page.tsx";
import type { PageView } from "../components/page_view.ts";
import type { State } from "../utils.ts";
import { loadDetectionsOf } from "./detections_of.ts";
import {
  type Entity,
  entitySql,
  loadAnomalousShares,
  loadEntityFacts,
  loadEntityUserAgents,
  loadMembers,
  loadPaths,
} from "./entity.ts";
import { pagePanels, pageRange, pageView } from "./page.ts";
import { loadTraffic } from "./traffic.ts";

/** The data of the page about `entity`. */
export async function entityPage(
  ctx: Context<State>,
  entity: Entity,
): Promise<PageResponse<EntityPageData & { view: PageView }>> {
  const { db } = ctx.state;
  const range = await pageRange(ctx);
  const host = entity.field === "host";
  const [panels, paths] = await Promise.all([
    pagePanels(ctx, {
      facts: loadEntityFacts(db, entity, range),
      shares: loadAnomalousShares(db, entity, range),
      traffic: loadTraffic(db, range, entity),
      members: loadMembers(db, entity, range),
      detections: loadDetectionsOf(db, entitySql(entity)),
      userAgents: loadEntityUserAgents(db, entity, range),
    }),
    host
      ? pagePanels(ctx, { paths: loadPaths(db, entity.value, range) })
      : undefined,
  ]);
  return page({ view: pageView(ctx), entity, range, ...panels, ...paths });
}
