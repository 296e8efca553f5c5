/**
 * What someone who has taken over a daemon would try. Run as a program of its own in the place of the
 * daemon: prints one JSON object, the name of each attempt to "done" or to why it was refused.
 *
 * It uses no import of the project: it runs where nothing of it may be read.
 */

/** Attempts by name; one that returns has succeeded. */
const ATTEMPTS: Readonly<Record<string, () => unknown>> = {
  "read /etc/shadow": () => Deno.readTextFileSync("/etc/shadow"),
  "read /etc/passwd": () => Deno.readTextFileSync("/etc/passwd"),
  "read the environment of the process": () =>
    Deno.readTextFileSync("/proc/self/environ"),
  "read /root": () => Array.from(Deno.readDirSync("/root")),
  "read the dashboard's password of another account": () =>
    Deno.readTextFileSync("/etc/ja4-platform/secrets/app.password"),
  "read the drawn passwords": () =>
    Deno.readTextFileSync("/var/lib/ja4-platform/store/secrets/ja4.password"),
  "write to /etc": () => Deno.writeTextFileSync("/etc/ja4-platform/x", "x"),
  "write to the programs": () =>
    Deno.writeTextFileSync("/usr/share/ja4-platform/x", "x"),
  "write to another folder": () => Deno.writeTextFileSync("/var/tmp/x", "x"),
  "make a symbolic link": () => Deno.symlinkSync("/etc/shadow", "/tmp/link"),
  "start a program": () => new Deno.Command("/bin/true").outputSync(),
  "start a shell by node": async () => {
    const { execFileSync } = await import("node:child_process");
    execFileSync("/bin/sh", ["-c", "true"]);
  },
  "load a library": () =>
    Deno.dlopen("libc.so.6", { getpid: { parameters: [], result: "i32" } }),
  "connect to another host": async () => {
    // What a unit refuses is not answered at all.
    const signal = AbortSignal.timeout(1000);
    using _ = await Deno.connect({ hostname: "10.9.0.2", port: 9, signal });
  },
  "connect to the address of cloud metadata": async () => {
    await fetch("http://169.254.169.254/", {
      signal: AbortSignal.timeout(1000),
    });
  },
  "listen on all addresses": () => {
    using _ = Deno.listen({ hostname: "0.0.0.0", port: 4444 });
  },
  "connect to a service of the loopback": async () => {
    using _ = await Deno.connect({ hostname: "127.0.0.1", port: 2222 });
  },
  "resolve a name": () =>
    Deno.resolveDns("example.org", "A", { signal: AbortSignal.timeout(500) }),
  "read all variables": () => Deno.env.toObject(),
  "signal init": () => Deno.kill(1, "SIGCONT"),
  "know the kernel": () => Deno.osRelease(),
  "make code of a text": () => new Function("return 1")(),
  "import a package": () => import(`npm:${"left-pad"}`),
  "import from the net": () => import(`https://${"example.org"}/x.ts`),
  "import a file": () => import(`${"/etc/passwd"}`, { with: { type: "text" } }),
  "open the debugger": async () => {
    const inspector = await import("node:inspector");
    inspector.open(9229, "127.0.0.1");
  },
  "read /etc/shadow in a worker": async () => {
    const code = "Deno.readTextFileSync('/etc/shadow'); postMessage(1)";
    const worker = new Worker(
      `data:application/javascript,${encodeURIComponent(code)}`,
      { type: "module" },
    );
    await new Promise((resolve, reject) => {
      worker.onmessage = resolve;
      worker.onerror = (event) => {
        event.preventDefault();
        reject(new Error(event.message));
      };
    });
  },
};

const results: Record<string, string> = {};
for (const [name, attempt] of Object.entries(ATTEMPTS)) {
  try {
    await attempt();
    results[name] = "done";
  } catch (thrown) {
    results[name] = thrown instanceof Error
      ? `${thrown.name}: ${thrown.message.split("\n")[0]}`
      : String(thrown);
  }
}
Deno.stdout.writeSync(
  new TextEncoder().encode(`${JSON.stringify(results)}\n`),
);
Deno.exit(0);
