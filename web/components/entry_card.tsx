import type { ComponentChildren, VNode } from "preact";
import { Logo } from "./logo.tsx";

/** The card of the pages before the dashboard: log in, make the first account. */
export function EntryCard(
  { title, fault, children }: {
    title: string;
    /** What was wrong with the last attempt; empty if nothing. */
    fault: string;
    children: ComponentChildren;
  },
): VNode {
  return (
    <main class="entry">
      <div class="entry-card">
        <p class="brand">
          <Logo /> JA4 Platform
        </p>
        <h1>{title}</h1>
        {fault === ""
          ? null
          : <p class="notice notice-bad" role="alert">{fault}</p>}
        {children}
      </div>
    </main>
  );
}

/** The name of an account. */
export function LoginField({ value }: { value: string }): VNode {
  return (
    <label class="field">
      <span>Login</span>
      <input
        class="input"
        name="login"
        value={value}
        autocomplete="username"
        autocapitalize="none"
        spellcheck={false}
        required
        maxLength={64}
      />
    </label>
  );
}

/** A password: the one an account has, or from `minLength` characters a new one. */
export function PasswordField(
  { label, name, minLength }: {
    label: string;
    name: string;
    minLength?: number;
  },
): VNode {
  return (
    <label class="field">
      <span>{label}</span>
      <input
        class="input"
        type="password"
        name={name}
        required
        {...(minLength === undefined
          ? { autocomplete: "current-password" }
          : { autocomplete: "new-password", minLength })}
      />
    </label>
  );
}
