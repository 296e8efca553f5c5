import type { VNode } from "preact";
import { may } from "../auth/permissions.ts";
import { withParams } from "../data/range.ts";
import type { IconName } from "../icons.ts";
import { type Theme, THEMES } from "../preferences.ts";
import { Icon } from "./icon.tsx";
import type { ShellProps } from "./shell.tsx";
import { TimeRange } from "./time_range.tsx";

const THEME_ICONS: Readonly<Record<Theme, IconName>> = {
  system: "monitor",
  light: "sun",
  dark: "moon",
};
const THEME_WORDS: Readonly<Record<Theme, string>> = {
  system: "System",
  light: "Light",
  dark: "Dark",
};

/** Search, time, theme and user. Everything in it works without scripts. */
export function TopBar(
  { url, user, preferences, range }: Omit<ShellProps, "children">,
): VNode {
  const { theme, tz } = preferences;
  return (
    <header class="top-bar">
      <button
        class="btn btn-icon nav-open"
        type="button"
        popovertarget="nav"
        aria-label="Pages"
      >
        <Icon name="menu" />
      </button>
      <form class="search" role="search" action="/search" method="get">
        <Icon name="search" />
        <input
          id="search"
          type="search"
          name="q"
          aria-label="Search: an address, network, JA4, host, detection or a query"
          placeholder="IP, network, JA4, AS number, host, or a query such as status:401"
          autocomplete="off"
          spellcheck={false}
          maxLength={500}
        />
        <kbd aria-hidden="true">/</kbd>
        {["from", "to"].map((name) => {
          const value = url.searchParams.get(name) ?? "";
          return value === ""
            ? null
            : <input key={name} type="hidden" name={name} value={value} />;
        })}
      </form>
      <div class="top-time">
        {range === undefined ? null : <TimeRange url={url} range={range} />}
        <nav class="switch" aria-label="Time zone">
          {(["utc", "local"] as const).map((zone) => (
            <a
              key={zone}
              href={withParams(url, { tz: zone === "utc" ? "" : zone })}
              {...(tz === zone ? { "aria-current": "true" as const } : {})}
            >
              {zone === "utc" ? "UTC" : "Local"}
            </a>
          ))}
        </nav>
      </div>
      <div class="top-user">
        <button
          class="btn btn-icon"
          type="button"
          popovertarget="save-view"
          aria-label="Save this view"
          title="Save this view"
        >
          <Icon name="bookmark" />
        </button>
        <form
          class="popup popup-form"
          id="save-view"
          popover="auto"
          method="post"
          action="/views"
        >
          <input type="hidden" name="path" value={url.pathname + url.search} />
          <label class="field">
            <span>Save this view as</span>
            <input class="input" name="name" required maxLength={80} />
          </label>
          {may(user.role, "triage")
            ? (
              <label>
                <input type="checkbox" name="shared" value="1" /> For everybody
              </label>
            )
            : null}
          <p class="popup-actions">
            <button class="btn" type="submit" name="do" value="save">
              Save
            </button>
            <a href="/views">Saved views</a>
          </p>
        </form>
        <a
          class="btn btn-icon"
          href="/help"
          aria-label="Help"
          title="Help (?)"
          data-help=""
        >
          <Icon name="circle-help" />
        </a>
        <button
          class="btn btn-icon"
          type="button"
          popovertarget="theme-menu"
          aria-label={`Theme: ${THEME_WORDS[theme]}`}
        >
          <Icon name={THEME_ICONS[theme]} />
        </button>
        <form
          class="popup"
          id="theme-menu"
          popover="auto"
          method="post"
          action="/preferences"
        >
          <input type="hidden" name="back" value={url.pathname + url.search} />
          {THEMES.map((one) => (
            <button
              key={one}
              class="popup-item"
              type="submit"
              name="theme"
              value={one}
              aria-pressed={one === theme ? "true" : "false"}
            >
              <Icon name={THEME_ICONS[one]} />
              {THEME_WORDS[one]}
            </button>
          ))}
        </form>
        <button class="user-chip" type="button" popovertarget="user-menu">
          <strong>{user.login}</strong> <span>{user.role}</span>
        </button>
        <form
          class="popup"
          id="user-menu"
          popover="auto"
          method="post"
          action="/logout"
        >
          <p class="popup-note">
            {user.display_name}
            <br />
            {user.role}
          </p>
          <a class="popup-item" href="/settings">
            <Icon name="settings" />
            Settings
          </a>
          <a class="popup-item" href="/settings/tokens">
            <Icon name="key-round" />
            API tokens
          </a>
          <button class="popup-item" type="submit">
            <Icon name="log-out" />
            Log out
          </button>
        </form>
      </div>
    </header>
  );
}
