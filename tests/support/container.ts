/**
 * A container with a real systemd: systemd-nspawn over an overlay of this machine's own root, so that
 * packages can be installed, started and removed without a trace. No image, no network.
 *
 * @module
 */
import { eventually, exists } from "../../lib/testing.ts";
import { ControlGroups, TAKE_UP } from "./control_groups.ts";

/** A command that has ended in the container. */
export interface Ran {
  readonly code: number;
  /** stdout and stderr, in the order they came. */
  readonly output: string;
}

/** Why no container can run here; undefined if one can. */
export function noContainer(): string | undefined {
  if (Deno.uid() !== 0) return "needs root for a container";
  for (const program of ["/usr/bin/systemd-nspawn", "/lib/systemd/systemd"]) {
    if (!exists(program)) return `no ${program} for a container`;
  }
  return undefined;
}

export class Container implements AsyncDisposable {
  readonly #folder: string;
  readonly #nspawn: Deno.ChildProcess;
  readonly #groups: ControlGroups;
  #leader = 0;

  private constructor(
    folder: string,
    nspawn: Deno.ChildProcess,
    groups: ControlGroups,
  ) {
    this.#folder = folder;
    this.#nspawn = nspawn;
    this.#groups = groups;
  }

  /** Boots; resolves when systemd says that it runs. */
  static async boot(): Promise<Container> {
    const folder = await Deno.makeTempDir({ prefix: "ja4-container-" });
    for (const name of ["upper", "work", "root"]) {
      await Deno.mkdir(`${folder}/${name}`);
    }
    await host("mount", [
      "-t",
      "overlay",
      "overlay",
      "-o",
      `lowerdir=/,upperdir=${folder}/upper,workdir=${folder}/work`,
      `${folder}/root`,
    ]);
    const root = `${folder}/root`;
    await Deno.writeTextFile(`${root}/etc/machine-id`, "");
    await host("sh", [
      "-c",
      `ln -sf /lib/systemd/system/multi-user.target "$1/etc/systemd/system/default.target"
       rm -f "$1"/etc/systemd/system/*.target.wants/*.service "$1"/etc/systemd/system/timers.target.wants/*`,
      "sh",
      root,
    ]);
    const machine = `ja4-${
      folder.slice(-8).toLowerCase().replaceAll(/\W/g, "x")
    }`;
    const groups = await ControlGroups.make(machine);
    const nspawn = new Deno.Command("sh", {
      args: [
        "-c",
        `${groups.join} && exec systemd-nspawn "$@"`,
        "sh",
        "--quiet",
        // IPAddressDeny= of a unit is a program of the kernel's.
        "--system-call-filter=bpf",
        "--capability=CAP_BPF,CAP_NET_ADMIN",
        `--directory=${root}`,
        "--boot",
        "--register=no",
        "--keep-unit",
        "--private-network",
        "--console=pipe",
        `--machine=${machine}`,
        "--link-journal=no",
      ],
      stdin: "null",
      stdout: "null",
      stderr: "null",
      detached: true,
    }).spawn();
    const container = new Container(folder, nspawn, groups);
    const isRunning = async (): Promise<boolean> => {
      container.#leader = await firstChild(nspawn.pid) ?? 0;
      if (container.#leader === 0) return false;
      const { output } = await container.run("systemctl is-system-running");
      return /^(running|degraded)$/m.test(output);
    };
    try {
      await eventually("the container's systemd", isRunning, 60_000);
      await container.run(TAKE_UP);
      await eventually("the container's systemd again", isRunning, 60_000);
      await container.run("ip link set lo up");
      return container;
    } catch (thrown) {
      await container[Symbol.asyncDispose]();
      throw thrown;
    }
  }

  /** The container's root folder as this machine sees it. */
  get root(): string {
    return `${this.#folder}/root`;
  }

  /** Runs a line of shell in the container. */
  async run(script: string): Promise<Ran> {
    const { code, stdout } = await new Deno.Command("nsenter", {
      args: [
        "--target",
        String(this.#leader),
        "--mount",
        "--uts",
        "--ipc",
        "--net",
        "--pid",
        "--cgroup",
        "--",
        "env",
        "-i",
        "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME=/root",
        "NO_COLOR=1",
        "bash",
        "-c",
        `exec 2>&1; ${script}`,
      ],
      stdin: "null",
      stderr: "null",
    }).output();
    return { code, output: new TextDecoder().decode(stdout) };
  }

  /**
   * Runs a line of shell and returns what it wrote.
   *
   * @throws {Error} with its output if it fails.
   */
  async must(script: string): Promise<string> {
    const { code, output } = await this.run(script);
    if (code !== 0) {
      throw new Error(`${script}\nended with ${code}:\n${output}`);
    }
    return output;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#leader !== 0) {
      await this.run("systemctl poweroff --force --force");
    }
    try {
      this.#nspawn.kill("SIGTERM");
    } catch (thrown) {
      if (!(thrown instanceof TypeError)) throw thrown; // it has ended
    }
    await this.#nspawn.status;
    await this.#groups[Symbol.asyncDispose]();
    await host("umount", ["--lazy", `${this.#folder}/root`]);
    await Deno.remove(this.#folder, { recursive: true });
  }
}

async function firstChild(pid: number): Promise<number | undefined> {
  const path = `/proc/${pid}/task/${pid}/children`;
  const children = await Deno.readTextFile(path).catch(() => "");
  const [first] = children.trim().split(" ");
  return first === undefined || first === "" ? undefined : Number(first);
}

async function host(command: string, args: readonly string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(command, {
    args: [...args],
    stdin: "null",
    stdout: "null",
  }).output();
  if (success) return;
  throw new Error(
    `${command} ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`,
  );
}
