import { HttpError, page } from "fresh";
import { asset, Head } from "fresh/runtime";
import { AddressPage } from "../../components/address_page.tsx";
import { PageContext } from "../../components/page_view.ts";
import {
  loadAddressFacts,
  loadUsedFingerprints,
  loadUsedHosts,
  loadUsedUserAgents,
} from "../../data/address.ts";
import { loadDetectionsOf } from "../../data/detections_of.ts";
import { type Entity, entitySql, loadWeekHours } from "../../data/entity.ts";
import { pagePanels, pageRange, pageView } from "../../data/page.ts";
import { withRange } from "../../data/range.ts";
import { loadRequests } from "../../data/requests.ts";
import { loadTraffic } from "../../data/traffic.ts";
import { parseIp } from "../../../lib/ip.ts";
import { define } from "../../utils.ts";
import { pathParam } from "../../path_param.ts";

export const handler = define.handlers({
  async GET(ctx) {
    const { db } = ctx.state;
    const text = pathParam(ctx, "ip");
    const ip = parseIp(text);
    if (ip === undefined) {
      throw new HttpError(404, `"${text.slice(0, 60)}" is not an IP address.`);
    }
    // One address has one page, however it was spelled.
    if (ip !== text) return ctx.redirect(withRange(`/ip/${ip}`, ctx.url), 301);
    const range = await pageRange(ctx);
    const { from, to } = range;
    const entity: Entity = { field: "ip", value: ip };
    const panels = await pagePanels(ctx, {
      facts: loadAddressFacts(db, ip, range),
      traffic: loadTraffic(db, range, entity),
      fingerprints: loadUsedFingerprints(db, ip, range),
      hosts: loadUsedHosts(db, ip, range),
      userAgents: loadUsedUserAgents(db, ip, range),
      detections: loadDetectionsOf(db, entitySql(entity)),
      week: loadWeekHours(db, entity, range),
      requests: loadRequests(db, { src_ip: ip, from, to }),
    });
    return page({
      view: pageView(ctx),
      ip,
      range,
      ...panels,
    });
  },
});

export default define.page<typeof handler>(({ data: { view, ...data } }) => (
  <PageContext.Provider value={view}>
    <Head>
      <link rel="stylesheet" href={asset("/entity.css")} />
      <title>{`${data.ip} · JA4 Platform`}</title>
    </Head>
    <AddressPage {...data} />
  </PageContext.Provider>
));
