/** A host that the packages are installed on: what the steps of a test ask it. @module */
import assert from "node:assert/strict";
import { eventually } from "../../lib/testing.ts";
import type { Container } from "./container.ts";

/** Parts that `ja4ctl setup` starts, in the order of the data's way. */
export const PARTS = [
  "store",
  "correlate",
  "detect",
  "capture",
  "web",
] as const;
/** Every daemon of the packages. */
export const DAEMONS = [...PARTS, "metrics"] as const;
export type DaemonName = typeof DAEMONS[number];

export class PackagedHost {
  readonly container: Container;

  constructor(container: Container) {
    this.container = container;
  }

  must(script: string): Promise<string> {
    return this.container.must(script);
  }

  async property(part: DaemonName, name: string): Promise<string> {
    const value = await this.must(
      `systemctl show -p ${name} --value ja4-${part}`,
    );
    return value.trim();
  }

  async isActive(part: DaemonName): Promise<boolean> {
    return await this.property(part, "ActiveState") === "active";
  }

  async logged(part: DaemonName, pattern: RegExp): Promise<boolean> {
    return pattern.test(
      await this.must(`journalctl --no-pager -o cat -u ja4-${part}`),
    );
  }

  /** Kills the main process and waits until another has taken its place; returns the seconds. */
  async killAndWait(part: DaemonName, signal: string): Promise<number> {
    const pid = await this.property(part, "MainPID");
    assert.notEqual(pid, "0", `ja4-${part} does not run`);
    const startedMs = performance.now();
    await this.must(`kill -${signal} ${pid}`);
    await eventually(
      `ja4-${part} after kill -${signal}`,
      async () =>
        await this.isActive(part) &&
        !["0", pid].includes(await this.property(part, "MainPID")),
      60_000,
    );
    return (performance.now() - startedMs) / 1000;
  }

  /** Seconds that an ordinary restart of a part takes now, until it says that it is ready. */
  async restart(part: DaemonName): Promise<number> {
    const startedMs = performance.now();
    await this.must(`systemctl restart ja4-${part}`);
    return (performance.now() - startedMs) / 1000;
  }

  /** Rows of a statement, in tab-separated text. */
  async ask(statement: string): Promise<string> {
    const answer = await this.must(
      `curl -s --max-time 5 -u "web:$(cat /etc/ja4-platform/secrets/web.password)" http://127.0.0.1:8123/ --data-binary "${statement}"`,
    );
    return answer.trim();
  }

  /** Requests of the client in its own namespace; returns how many were answered with 200. */
  async visit(count: number, path: string): Promise<void> {
    await this.must(
      `for i in $(seq ${count}); do ip netns exec client curl -sk --max-time 5 -o /dev/null -w '%{http_code} ' "https://10.9.0.1${path}?$i" || exit 1; done`,
    );
  }

  /** Waits until `count` requests of `path` are joined with their handshake. */
  async joined(count: number, path: string): Promise<void> {
    await eventually(
      `${count} joined requests of ${path}`,
      async () =>
        await this.ask(
          `SELECT count() >= ${count} FROM ja4.http_events WHERE url_path = '${path}' AND ja4 != ''`,
        ) === "1",
      30_000,
    );
  }

  /** What the kernel holds a daemon to: a file of its control group, as it is called in version 1 or 2. */
  async limit(part: DaemonName, v1: string, v2: string): Promise<string> {
    const unit = `system.slice/ja4-${part}.service`;
    const value = await this.must(
      `cd /sys/fs/cgroup; cat ${
        v1.split(".")[0]
      }/${unit}/${v1} 2>/dev/null || cat ${unit}/${v2}`,
    );
    return value.trim();
  }
}
