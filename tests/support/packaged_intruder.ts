/**
 * Someone who has taken over a daemon of the packages and is bound by no permission of Deno's: what
 * its unit has to refuse, and how to find out.
 *
 * @module
 */
import type { DaemonName, PackagedHost } from "./packaged_host.ts";

/**
 * What each unit refuses someone who has taken over its process and is bound by no permission of Deno:
 * the attempts of support/escape_probes.ts that must fail all the same.
 */
export const UNIT_REFUSES = [
  "read /etc/shadow",
  "read /root",
  "write to /etc",
  "write to the programs",
  "start a program",
  "start a shell by node",
  "signal init",
  "read /etc/shadow in a worker",
] as const;
export const PART_REFUSES: Readonly<Record<DaemonName, readonly string[]>> = {
  // No internet protocol at all.
  capture: [
    "read the dashboard's password of another account",
    "read the drawn passwords",
    "connect to another host",
    "connect to the address of cloud metadata",
    "listen on all addresses",
    "connect to a service of the loopback",
    "resolve a name",
  ],
  correlate: [
    "read the dashboard's password of another account",
    "read the drawn passwords",
    "connect to another host",
    "connect to the address of cloud metadata",
  ],
  detect: [
    "read the dashboard's password of another account",
    "read the drawn passwords",
    "connect to another host",
    "connect to the address of cloud metadata",
  ],
  web: [
    "read the drawn passwords",
    "connect to another host",
    "connect to the address of cloud metadata",
  ],
  store: [
    "read the dashboard's password of another account",
    "connect to another host",
    "connect to the address of cloud metadata",
  ],
  metrics: [
    "read the dashboard's password of another account",
    "read the drawn passwords",
    "connect to another host",
    "connect to the address of cloud metadata",
  ],
};

/** Moves into a control group and forks until it may not; prints how often it could. */
export const FORKS = `
import os, signal, sys
open([path for path in sys.argv[1:] if os.path.exists(path)][0], 'w').write(str(os.getpid()))
children = []
try:
    while len(children) < 10000:
        child = os.fork()
        if child == 0: signal.pause()
        children.append(child)
except BlockingIOError:
    pass
for child in children: os.kill(child, signal.SIGKILL)
print(len(children))`;

/** Servers outside of the host, at addresses that the probes try. */
export const STRANGERS = `ip -n client addr add 169.254.169.254/32 dev cap1
  ip route add 169.254.169.254 dev cap0
  for listen in "9 --bind 10.9.0.2" "80 --bind 169.254.169.254"; do
    systemd-run --quiet ip netns exec client python3 -m http.server $listen
  done
  for url in http://10.9.0.2:9/ http://169.254.169.254/; do
    curl -s -o /dev/null --retry 50 --retry-connrefused --retry-delay 0 $url
  done`;

/** What {@linkcode takePlace} is asked. */
export interface Intruder {
  /** Daemons whose places are taken, all at once. */
  readonly parts: readonly DaemonName[];
  /** A file of the container. */
  readonly program: string;
  /** Lines of [Service] that go before those of the unit. */
  readonly lines?: readonly string[];
}

/**
 * Runs a program to its end in the place of daemons, without a permission of Deno's: only the
 * launcher, the user and the unit are left. Returns what it wrote, by daemon, and how it ended.
 */
export async function takePlace(
  host: PackagedHost,
  { parts, program, lines = [] }: Intruder,
): Promise<ReadonlyMap<DaemonName, { output: string; status: string }>> {
  const drop = [
    "[Service]",
    "Type=oneshot",
    "Restart=no",
    "WatchdogSec=0",
    "StandardError=null",
    ...lines,
  ].join("\n");
  const units = parts.map((part) => `ja4-probe${part}`).join(" ");
  await host.must(`set -e
    share=/usr/share/ja4-platform
    for part in ${parts.join(" ")}; do
      { echo --allow-all; grep -e --v8-flags $share/flags/$part; } >$share/flags/probe$part
      ln -s ${program} $share/programs/probe$part
      unit=/run/systemd/system/ja4-probe$part.service
      mkdir -p $unit.d
      sed "s|^ExecStart=.*|ExecStart=/usr/libexec/ja4-platform/ja4-run probe$part|; /Directory/d" /usr/lib/systemd/system/ja4-$part.service >$unit
      cp /usr/lib/systemd/system/ja4-$part.service.d/*.conf $unit.d/ 2>/dev/null || :
      { echo '${drop}'; echo StandardOutput=truncate:/run/probe-$part; } >$unit.d/90-probe.conf
    done
    systemctl daemon-reload
    systemctl start ${units} || :`);
  const ended = new Map<DaemonName, { output: string; status: string }>();
  for (const part of parts) {
    const status = await host.must(
      `systemctl show -p ExecMainStatus --value ja4-probe${part}`,
    );
    ended.set(part, {
      output: await host.must(`cat /run/probe-${part}`),
      status: status.trim(),
    });
  }
  await host.must(
    `systemctl reset-failed ${units} || :; rm -r /run/systemd/system/ja4-probe* /usr/share/ja4-platform/*/probe*; systemctl daemon-reload`,
  );
  return ended;
}
