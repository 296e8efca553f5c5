import assert from "node:assert/strict";
import { FatalError } from "./errors.ts";
import { connectServiceManager } from "./service.ts";
import { exists, temporaryFolder } from "./testing.ts";

/** A socket as systemd has one, and the environment of a unit that knows it. */
async function startManager(
  variables: Readonly<Record<string, string>> = {},
): Promise<
  & {
    env: (name: string) => string | undefined;
    next: () => Promise<string>;
    folder: string;
  }
  & AsyncDisposable
> {
  const folder = await temporaryFolder();
  const path = `${folder.path}/systemd.socket`;
  const socket = Deno.listenDatagram({ transport: "unixpacket", path });
  const known: Record<string, string> = {
    NOTIFY_SOCKET: path,
    RUNTIME_DIRECTORY: folder.path,
    ...variables,
  };
  return {
    env: (name) => known[name],
    next: async () => new TextDecoder().decode((await socket.receive())[0]),
    folder: folder.path,
    async [Symbol.asyncDispose](): Promise<void> {
      socket.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

Deno.test("a daemon tells systemd of its start, its reload and its end, in order", async () => {
  await using systemd = await startManager();
  {
    await using service = connectServiceManager(systemd.env);
    service.ready("Capturing on eth0\nREADY=0");
    service.reloading();
    service.stopping();
  }
  assert.equal(
    await systemd.next(),
    "READY=1\nSTATUS=Capturing on eth0 READY=0",
  );
  assert.match(await systemd.next(), /^RELOADING=1\n/);
  assert.match(await systemd.next(), /^STOPPING=1\n/);
  assert.ok(!exists(`${systemd.folder}/notify.socket`));
});

Deno.test("the watchdog is pinged while the event loop turns", async () => {
  await using systemd = await startManager({ WATCHDOG_USEC: "30000" });
  await using _service = connectServiceManager(systemd.env);
  const startedMs = performance.now();
  assert.equal(await systemd.next(), "WATCHDOG=1");
  assert.equal(await systemd.next(), "WATCHDOG=1");
  assert.ok(performance.now() - startedMs >= 15);
});

Deno.test("without systemd nothing is opened", async () => {
  await using service = connectServiceManager(() => undefined);
  service.ready("Started by hand");
});

Deno.test("a unit without a runtime directory is told what it lacks", () => {
  assert.throws(
    () =>
      connectServiceManager((name) =>
        name === "NOTIFY_SOCKET" ? "/run/systemd/notify" : undefined
      ),
    (thrown) =>
      thrown instanceof FatalError && thrown.exit === "unavailable" &&
      /RuntimeDirectory=/.test(thrown.message),
  );
});
