/**
 * Which windows speak for people? Those of browsers in which nothing contradicts it. What hardly
 * any browser meets says something of the site or of the recorder (it serves no assets, strips
 * referrers, logs no header names), not of the clients: such a condition is let go.
 *
 * @module
 */
import { COLUMN, type FeatureName, FEATURES } from "../lib/features.ts";
import type { FeatureMatrix } from "./features.ts";
import { BROWSERS } from "./rules.ts";
import type { WindowFacts } from "./windows.ts";

const WIDTH = FEATURES.length;

/** Share of browsers' windows below which a condition is let go. */
const MET_MIN = 0.1;

/** What a condition looks at. */
interface Candidate {
  readonly facts: WindowFacts;
  feature(name: FeatureName): number;
}

/** Never let go: what people do not do, wherever they are. */
const FIRM: readonly ((window: Candidate) => boolean)[] = [
  ({ facts }) => BROWSERS.has(facts.ua_family),
  ({ facts }) => facts.ua_family !== "headless_chrome",
  ({ feature }) => feature("user_agent_missing") === 0,
  ({ feature }) => feature("auth_failures") < 2,
  ({ feature }) => feature("probe_hits") === 0,
];

/** A condition that may be let go. */
interface Condition {
  readonly met: (window: Candidate) => boolean;
  /** Windows that have had occasion to fail it; by default all. */
  readonly tried?: (window: Candidate) => boolean;
}

const SOFT: readonly Condition[] = [
  {
    met: ({ facts }) => facts.orders >= 2,
    tried: ({ facts }) => facts.requests >= 5,
  },
  {
    met: ({ feature }) => feature("referrer_missing") < 0.7,
    tried: ({ facts }) => facts.documents >= 3,
  },
  { met: ({ feature }) => feature("sec_fetch_missing") === 0 },
  { met: ({ feature }) => feature("header_order_bits") < 3 },
  { met: ({ feature }) => feature("ja4_ua_bits") < 3 },
  { met: ({ feature }) => feature("tcp_os_bits") < 2 },
  { met: ({ feature }) => feature("proxy_gap_ms") < 31 },
];

/** Rows of `windows` that speak for people with browsers, in their order. */
export function anchorRows(
  windows: readonly WindowFacts[],
  matrix: FeatureMatrix,
  rows: readonly number[],
): number[] {
  const candidate = (row: number): Candidate => ({
    facts: windows[row] as WindowFacts,
    feature: (name) => matrix.values[row * WIDTH + COLUMN[name]] as number,
  });
  const browsers = rows.filter((row) => {
    const window = candidate(row);
    return FIRM.every((met) => met(window));
  });
  const conditions = SOFT.filter(({ met, tried = () => true }) => {
    const windows = browsers.map(candidate).filter(tried);
    return windows.filter(met).length >= MET_MIN * windows.length;
  });
  return browsers.filter((row) => {
    const window = candidate(row);
    return conditions.every(({ met }) => met(window));
  });
}
