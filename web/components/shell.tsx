/** What stands around every page: navigation, top bar, banner. @module */
import type { ComponentChildren, VNode } from "preact";
import { VERSION } from "../../lib/version.ts";
import { may, permissionOf } from "../auth/permissions.ts";
import type { User } from "../auth/session_store.ts";
import { WAIT } from "../data/page.ts";
import { type TimeRange, withParams, withRange } from "../data/range.ts";
import type { IconName } from "../icons.ts";
import LiveNavBadge from "../islands/LiveNavBadge.tsx";
import LivePulse from "../islands/LivePulse.tsx";
import ShellScript from "../islands/ShellScript.tsx";
import ValueMenu from "../islands/ValueMenu.tsx";
import type { Preferences } from "../preferences.ts";
import { Icon } from "./icon.tsx";
import { Logo } from "./logo.tsx";
import { TopBar } from "./top_bar.tsx";

interface NavItem {
  readonly href: string;
  readonly label: string;
  readonly icon: IconName;
  /** Live mark at its end. */
  readonly live?: "open_detections" | "pipeline";
}

const NAVIGATION: readonly {
  readonly group: string;
  readonly items: readonly NavItem[];
}[] = [
  {
    group: "Triage",
    items: [
      { href: "/", label: "Overview", icon: "layout-dashboard" },
      {
        href: "/detections",
        label: "Detections",
        icon: "inbox",
        live: "open_detections",
      },
      { href: "/rules", label: "Rules", icon: "list-checks" },
      { href: "/lists", label: "Lists", icon: "tag" },
    ],
  },
  {
    group: "Hunt",
    items: [
      { href: "/explore", label: "Explorer", icon: "search-code" },
      { href: "/live", label: "Live", icon: "radio" },
      { href: "/views", label: "Saved views", icon: "bookmark" },
    ],
  },
  {
    group: "Admin",
    items: [
      { href: "/audit", label: "Audit log", icon: "scroll-text" },
      { href: "/users", label: "Users", icon: "users" },
      {
        href: "/health",
        label: "System health",
        icon: "heart-pulse",
        live: "pipeline",
      },
    ],
  },
];

/** Pages that show no value with a menu, and stay light. */
const WITHOUT_VALUES = [
  "/health",
  "/live",
  "/views",
  "/settings",
  "/users",
  "/audit",
  "/help",
  "/docs",
];

/** Facts of the request that the shell shows. */
export interface ShellProps {
  readonly url: URL;
  /** Pattern of the page's route. */
  readonly route: string | null;
  readonly user: User;
  readonly preferences: Preferences;
  readonly range: TimeRange | undefined;
  readonly databaseDown: boolean;
  /** A panel is still being loaded. */
  readonly late: boolean;
  readonly children: ComponentChildren;
}

export function Shell(props: ShellProps): VNode {
  const { url, route, user, databaseDown, late, children } = props;
  return (
    <div class="shell">
      <a class="skip-link" href="#main">Skip to the content</a>
      <nav class="nav" id="nav" popover="auto" aria-label="Pages">
        <a class="brand" href={withRange("/", url)}>
          <Logo /> JA4 Platform
        </a>
        {navigationOf(user).map(({ group, items }) => (
          <div class="nav-group" key={group}>
            <p class="nav-title" id={`nav-${group}`}>{group}</p>
            <ul aria-labelledby={`nav-${group}`}>
              {items.map((item) => (
                <li key={item.href}>
                  <a
                    class="nav-link"
                    href={withRange(item.href, url)}
                    {...currentOf(item.href, route)}
                  >
                    <Icon name={item.icon} />
                    <span>{item.label}</span>
                    {item.live === undefined
                      ? null
                      : <LiveNavBadge kind={item.live} />}
                  </a>
                </li>
              ))}
            </ul>
          </div>
        ))}
        <div class="nav-foot">
          <LivePulse />
          <span>v{VERSION}</span>
        </div>
      </nav>
      <TopBar {...props} />
      <main class="main" id="main" tabIndex={-1}>
        {databaseDown
          ? (
            <p class="banner" role="alert">
              <Icon name="triangle-alert" />
              <span>
                <strong>The database does not answer.</strong>{" "}
                You see what is still known, and nothing can be changed until it
                is back.
              </span>
            </p>
          )
          : null}
        {late
          ? (
            <p class="notice late-note" role="status">
              <span>
                The database takes its time; some panels are not there yet.
              </span>
              <a data-late="" href={withParams(url, { [WAIT]: "1" })}>
                Wait for them
              </a>
            </p>
          )
          : null}
        {children}
      </main>
      <ShellScript />
      {WITHOUT_VALUES.some((one) => route?.startsWith(one))
        ? null
        : <ValueMenu />}
    </div>
  );
}

/** The entries that somebody may open. */
function navigationOf(user: User): typeof NAVIGATION {
  return NAVIGATION.map(({ group, items }) => ({
    group,
    items: items.filter(({ href }) => {
      const needed = permissionOf(href, "GET");
      return needed !== undefined && may(user.role, needed);
    }),
  }));
}

/** Marks the page that is open, and the section that a page below it belongs to. */
function currentOf(
  href: string,
  route: string | null,
): { "aria-current"?: "page" | "true" } {
  if (route === href) return { "aria-current": "page" };
  const below = href !== "/" && route?.startsWith(`${href}/`);
  return below ? { "aria-current": "true" } : {};
}
