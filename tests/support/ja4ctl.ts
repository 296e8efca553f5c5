/** Runs ja4ctl as a person would, on the database of a test. @module */
import type { Store } from "./store.ts";

const ROOT = new URL("../../", import.meta.url);

/** What it printed and how it ended. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Options of {@linkcode ja4ctl}. */
export interface Ja4ctlOptions {
  /** Folder with the parts' configuration; none by default. */
  readonly configDir?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs it with `args` and the rights of the user ja4. */
export async function ja4ctl(
  store: Store,
  args: readonly string[],
  { configDir = "/nonexistent", env = {} }: Ja4ctlOptions = {},
): Promise<Ended> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "--no-prompt", "-A", "ctl/main.ts", ...args],
    cwd: ROOT,
    env: {
      NO_COLOR: "1",
      JA4_CTL__CONFIG_DIR: configDir,
      JA4_CLICKHOUSE__URL: store.url,
      JA4_CLICKHOUSE__PASSWORD_FILE: store.passwordFile("ja4"),
      ...env,
    },
  }).output();
  const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
  return { code, stdout: decode(stdout), stderr: decode(stderr) };
}
