/**
 * Generated people made harder to tell from bots, as a site's own set-up makes them: most assets on
 * a delivery network (the server sees few of them), referrers stripped by privacy settings, headers
 * added by extensions, slow devices that take long to say hello.
 *
 * @module
 */
import { Random } from "../../detect/random.ts";
import type { HandshakeEvent, RequestEvent } from "../../lib/events.ts";
import type { Traffic } from "./recorder.ts";

/** What is different about one person. */
interface Habit {
  readonly delivered: boolean;
  readonly noReferrer: boolean;
  readonly extension: boolean;
  readonly slow: boolean;
}

/** Share of delivered assets that still reach the server. */
const ASSET_MISSES = 0.15;

/** The same traffic with rougher people; bots stay as they are. */
export function roughen(traffic: Traffic, seed: number): Traffic {
  const random = new Random(seed);
  const habits = new Map<string, Habit>();
  const kept: number[] = [];
  const requests = traffic.requests.map((request, i) => {
    if (traffic.labels[i]?.label !== "human") {
      kept.push(i);
      return request;
    }
    const habit = habits.getOrInsertComputed(request.src_ip, () => ({
      delivered: random.uniform() < 0.7,
      noReferrer: random.uniform() < 0.1,
      extension: random.uniform() < 0.05,
      slow: random.uniform() < 0.08,
    }));
    const asset = /^\/(?:static|media)\/|^\/favicon/.test(request.url_path);
    if (!habit.delivered || !asset || random.uniform() < ASSET_MISSES) {
      kept.push(i);
    }
    return withHabit(request, habit);
  });
  const handshakes = traffic.handshakes.map((event) =>
    habits.get(event.src_ip)?.slow ? slowed(event, random) : event
  );
  return {
    handshakes,
    requests: kept.map((i) => requests[i] as RequestEvent),
    labels: kept.map((i) => traffic.labels[i] as Traffic["labels"][number]),
  };
}

function withHabit(request: RequestEvent, habit: Habit): RequestEvent {
  let names = request.header_names;
  let { headers } = request;
  if (habit.noReferrer) {
    names = names.filter((name) => name !== "referer");
    const { referer: _, ...rest } = headers;
    headers = rest;
  }
  if (habit.extension) {
    names = [...names.slice(0, 4), "dnt", "sec-gpc", ...names.slice(4)];
  }
  return { ...request, header_names: names, headers };
}

function slowed(event: HandshakeEvent, random: Random): HandshakeEvent {
  const added = 20_000 + random.below(380_000);
  return { ...event, syn_to_hello_us: (event.syn_to_hello_us ?? 0) + added };
}
