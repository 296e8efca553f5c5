/** The traffic generator: reproducible, plausible, and able to feed a correlator. */
import assert from "node:assert/strict";
import type {
  HandshakeEvent,
  RequestEvent,
  UnixMicros,
} from "../lib/events.ts";
import { temporaryFolder } from "../lib/testing.ts";
import { generateTraffic } from "../tools/traffic/generate.ts";
import { generateUnfamiliar } from "../tools/traffic/unfamiliar.ts";
import { replay } from "../tools/traffic/replay.ts";

const OPTIONS = {
  seed: 5,
  hours: 2,
  events: 4000,
  end: Date.UTC(2026, 0, 2) * 1000 as UnixMicros,
};

Deno.test("generateTraffic() with one seed gives one run", () => {
  assert.deepEqual(generateTraffic(OPTIONS), generateTraffic(OPTIONS));
});

Deno.test("generateTraffic() has producers of its own for each run, so that numbers of two mean nothing to one another", () => {
  const later = { ...OPTIONS, end: OPTIONS.end + 11e6 as UnixMicros };
  const runs = [OPTIONS, later].map((options) => generateTraffic(options));
  for (
    const producers of [
      runs.map(({ requests }) => new Set(requests.map(({ pid }) => pid))),
      runs.map(({ handshakes }) => new Set(handshakes.map(({ boot }) => boot))),
    ]
  ) {
    const [first, second] = producers;
    assert.equal(first?.size, 1);
    assert.ok(first.isDisjointFrom(second ?? first));
  }
});

Deno.test("generateUnfamiliar() with one seed gives one run, of families that the other has not", () => {
  const familiar = new Set(
    generateTraffic(OPTIONS).labels.filter(({ label }) => label === "bot")
      .map(({ family }) => family),
  );
  for (const seed of [5, 6, 7]) { // a site of each kind
    const traffic = generateUnfamiliar({ ...OPTIONS, seed });
    assert.deepEqual(traffic, generateUnfamiliar({ ...OPTIONS, seed }));
    const bots = new Set(
      traffic.labels.filter(({ label }) => label === "bot")
        .map(({ family }) => family),
    );
    assert.equal(bots.size, 8);
    assert.ok(bots.isDisjointFrom(familiar));
    for (const family of ["ordinary", "nat", "app", "feed_reader", "monitor"]) {
      assert.ok(
        traffic.labels.some((label) => label.family === family),
        family,
      );
    }
  }
});

Deno.test("generateTraffic() gives events in order, in range and labelled", () => {
  const { handshakes, requests, labels } = generateTraffic(OPTIONS);
  assert.ok(requests.length > 3500 && requests.length < 5500);
  for (const events of [handshakes, requests]) {
    for (const [i, event] of events.entries()) {
      assert.equal(event.seq, i + 1);
      assert.ok(event.ts <= OPTIONS.end);
      if (i > 0) {
        assert.ok(event.ts >= (events[i - 1] as { ts: number }).ts);
      }
    }
  }
  assert.deepEqual(
    labels.map(({ ts, src_ip, src_port }) => ({ ts, src_ip, src_port })),
    requests.map(({ ts, src_ip, src_port }) => ({ ts, src_ip, src_port })),
  );
  const families = new Set(labels.map((label) => label.family));
  for (
    const family of [
      "ordinary",
      "googlebot",
      "go_scraper",
      "py_requests",
      "curl_loop",
      "vuln_scanner",
      "headless_chrome",
      "cred_stuffing",
      "low_slow",
      "ja4_impersonator",
    ]
  ) assert.ok(families.has(family), family);
});

Deno.test("generateTraffic() precedes almost every connection with its ClientHello", () => {
  const { handshakes, requests } = generateTraffic(OPTIONS);
  const hellos = new Map(
    handshakes.map((event) => [`${event.src_ip} ${event.src_port}`, event.ts]),
  );
  let missing = 0;
  for (const request of requests) {
    const hello = hellos.get(`${request.src_ip} ${request.src_port}`);
    if (hello === undefined) missing++;
    else {
      const age = (request.conn_ts as number) - hello;
      assert.ok(age > 0 && age < 100_000, `conn_ts is ${age} us after`);
      assert.ok(request.ts > (request.conn_ts as number));
    }
  }
  assert.ok(missing / requests.length < 0.05, `${missing} without a hello`);
});

Deno.test("replay() delivers every event once, handshakes by stream and requests by datagram", async () => {
  const traffic = generateTraffic({ ...OPTIONS, events: 600, hours: 0.2 });
  await using folder = await temporaryFolder();
  const network = `${folder.path}/network.socket`;
  const http = `${folder.path}/http.socket`;
  using listener = Deno.listen({ transport: "unix", path: network });
  const datagrams = Deno.listenDatagram({
    transport: "unixpacket",
    path: http,
  });
  const handshakes: HandshakeEvent[] = [];
  const requests: RequestEvent[] = [];
  const readStream = (async () => {
    const connection = await listener.accept();
    const text = await new Response(connection.readable).text();
    for (const line of text.trimEnd().split("\n")) {
      handshakes.push(JSON.parse(line) as HandshakeEvent);
    }
  })();
  const readDatagrams = (async () => {
    const decoder = new TextDecoder();
    while (requests.length < traffic.requests.length) {
      const [bytes] = await datagrams.receive(new Uint8Array(65_536));
      requests.push(JSON.parse(decoder.decode(bytes)) as RequestEvent);
    }
  })();
  await replay(traffic, { network, http, rate: 20_000 });
  await Promise.all([readStream, readDatagrams]);
  datagrams.close();
  assert.deepEqual(handshakes, traffic.handshakes);
  assert.deepEqual(requests, traffic.requests);
});
