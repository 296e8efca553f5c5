/**
 * The JsonSockLog* directives: what they change, what `httpd -t` says of a wrong one, and that
 * docs/apache-module.md describes each.
 *
 * @module
 */
import { deepStrictEqual as equal, match, ok } from "node:assert/strict";
import { needs, temporaryFolder } from "../lib/testing.ts";
import { curl, sendRaw } from "./support/curl.ts";
import { EventReceiver } from "./support/http_events.ts";
import {
  buildModule,
  checkHttpd,
  findHttpd,
  makeCertificates,
} from "./support/httpd.ts";
import { ONE_CHILD, startSite } from "./support/site.ts";

const HTTPD = needs(findHttpd() !== undefined, "httpd is not installed");
const DIRECTIVES = [
  "JsonSockLogEnabled",
  "JsonSockLogSocket",
  "JsonSockLogHeaders",
  "JsonSockLogRedact",
  "JsonSockLogRedactQuery",
  "JsonSockLogMaxHeaders",
  "JsonSockLogMaxHeaderValueLen",
  "JsonSockLogMaxEventSize",
  "JsonSockLogReconnectInterval",
  "JsonSockLogErrorReportInterval",
  "JsonSockLogLevel",
  "JsonSockLogPhase",
];

/** All directives of the original module, as its documentation has them. */
function originalConfiguration(socket: string): string {
  return `
JsonSockLogEnabled On
JsonSockLogSocket "${socket}"
JsonSockLogHeaders X-Request-Id User-Agent Referer
JsonSockLogHeaders X-Forwarded-For
JsonSockLogMaxHeaders 25
JsonSockLogMaxHeaderValueLen 256
JsonSockLogReconnectInterval 10
JsonSockLogErrorReportInterval 10
JsonSockLogLevel WARNING
`;
}

Deno.test(
  "httpd -t names what is wrong with a directive, and the range",
  HTTPD,
  async (t) => {
    await using temporary = await temporaryFolder();
    const { path: folder } = temporary;
    const modulePath = await buildModule();
    const certificates = await makeCertificates(folder);
    const check = (extra: string) =>
      checkHttpd({
        modulePath,
        socketPath: "/run/ja4/http.socket",
        folder,
        certificates,
        extra,
      });
    const names = Array.from({ length: 60 }, (_, i) => `x-${i}`).join(" ");
    const rows: [line: string, want: string][] = [
      ["JsonSockLogEnabled Perhaps", "JsonSockLogEnabled must be On or Off"],
      [
        "JsonSockLogSocket relative.socket",
        'JsonSockLogSocket: expected an absolute path of at most 107 bytes, got "relative.socket"',
      ],
      [
        `JsonSockLogSocket /${"x".repeat(107)}`,
        "expected an absolute path of at most 107 bytes",
      ],
      [
        "JsonSockLogMaxHeaders 0",
        'JsonSockLogMaxHeaders: expected an integer from 1 to 512, got "0"',
      ],
      ["JsonSockLogMaxHeaders many", 'from 1 to 512, got "many"'],
      ["JsonSockLogMaxHeaderValueLen 8193", 'from 16 to 8192, got "8193"'],
      ["JsonSockLogMaxEventSize 2047", 'from 2048 to 65536, got "2047"'],
      [
        "JsonSockLogMaxEventSize 99999999999999999999",
        'from 2048 to 65536, got "99999999999999999999"',
      ],
      ["JsonSockLogReconnectInterval -1", 'from 0 to 86400, got "-1"'],
      ["JsonSockLogErrorReportInterval 0", 'from 1 to 86400, got "0"'],
      [
        "JsonSockLogLevel LOUD",
        'JsonSockLogLevel: expected EMERG, ALERT, CRIT, ERROR, WARNING, NOTICE, INFO or DEBUG, got "LOUD"',
      ],
      [
        "JsonSockLogPhase middle",
        'JsonSockLogPhase: expected end or start, got "middle"',
      ],
      [
        'JsonSockLogHeaders "User Agent"',
        "JsonSockLogHeaders: expected the name of a header, 1 to 64 letters, digits or dashes",
      ],
      [
        `JsonSockLogHeaders ${names}`,
        "JsonSockLogHeaders and JsonSockLogRedact: at most 64 names together",
      ],
      [
        'JsonSockLogRedactQuery "a=b"',
        "JsonSockLogRedactQuery: expected the name of a URL parameter, 1 to 64 bytes",
      ],
      [
        `JsonSockLogRedactQuery ${names}`,
        "JsonSockLogRedactQuery: at most 36 names, got 60",
      ],
    ];
    for (const [line, want] of rows) {
      await t.step(line.slice(0, 60), async () => {
        const { ok: valid, message } = await check(line);
        ok(!valid && message.includes(want), message);
      });
    }
    await t.step("the original's directives, unchanged", async () => {
      const { ok: valid, message } = await check(
        originalConfiguration("/var/run/mod_reqin_log/http.socket"),
      );
      ok(valid, message);
    });
  },
);

Deno.test(
  "a virtual host keeps, overrides and adds to what the server says",
  HTTPD,
  async () => {
    await using site = await startSite({
      extra: `
JsonSockLogHeaders default X-Trace
JsonSockLogRedact X-Session
<VirtualHost 127.0.0.1:\${JA4_PORT}>
ServerName default
</VirtualHost>
<VirtualHost 127.0.0.1:\${JA4_PORT}>
ServerName quiet
JsonSockLogEnabled Off
</VirtualHost>
<VirtualHost 127.0.0.1:\${JA4_PORT}>
ServerName other
JsonSockLogHeaders X-Other X-Session X-Secret Authorization
JsonSockLogRedact X-Secret
JsonSockLogMaxHeaders 9
JsonSockLogMaxHeaderValueLen 16
JsonSockLogPhase start
</VirtualHost>
`,
    });
    await using receiver = new EventReceiver(site.socketPath);
    const request = (host: string) =>
      `GET /${host} HTTP/1.1\r\nHost: ${host}\r\nUser-Agent: agent\r\nX-Trace: trace\r\n` +
      "X-Session: s3cr3t\r\nX-Secret: s3cr3t\r\nX-Other: 0123456789abcdef0123\r\n" +
      "Authorization: s3cr3t\r\nA: 1\r\nB: 2\r\nConnection: close\r\n\r\n";
    for (const host of ["default", "quiet", "other"]) {
      await sendRaw(site.httpd.port, request(host));
    }
    const [first] = await receiver.waitForPath("/default");
    equal(first?.headers as unknown, {
      "user-agent": "agent",
      "x-trace": "trace",
      "x-session": { len: 6 },
      authorization: { len: 6 },
    });
    equal([first?.header_names.length, first?.headers_dropped], [
      10,
      undefined,
    ]);
    equal([first?.status_code, first?.truncated], [404, undefined]);

    const [other] = await receiver.waitForPath("/other");
    equal(other?.headers as unknown, {
      "x-session": { len: 6 },
      "x-secret": { len: 6 },
      "x-other": "0123456789abcdef",
      authorization: { len: 6 },
    });
    equal([other?.header_names.length, other?.headers_dropped], [9, 1]);
    equal(
      [other?.status_code, other?.truncated, other?.response_bytes],
      [0, true, undefined],
    );
    equal(receiver.requests.map((event) => event.http_host), [
      "default",
      "other",
    ]);
  },
);

Deno.test(
  "a configuration of the original module works unchanged",
  HTTPD,
  async () => {
    await using site = await startSite({
      extra: originalConfiguration("${JA4_SOCKET}"),
    });
    await using receiver = new EventReceiver(site.socketPath);
    const many = Array.from({ length: 30 }, (_, i) => `X-${i}: ${i}\r\n`);
    await sendRaw(
      site.httpd.port,
      `GET /a HTTP/1.1\r\nHost: a\r\nX-Request-Id: 7\r\nUser-Agent: ${
        "x".repeat(300)
      }\r\nAccept: b\r\n${many.join("")}Connection: close\r\n\r\n`,
    );
    const [event] = await receiver.waitForPath("/a");
    equal(event?.headers as unknown, {
      "x-request-id": "7",
      "user-agent": "x".repeat(256),
    });
    equal(
      [event?.header_names.length, event?.headers_dropped, event?.truncated],
      [25, 10, true],
    );
  },
);

Deno.test(
  "a credential in a URL is hidden by the name of its parameter",
  HTTPD,
  async (t) => {
    await using site = await startSite({
      extra: `
JsonSockLogRedactQuery Invite
<VirtualHost 127.0.0.1:\${JA4_PORT}>
JsonSockLogRedactQuery code
</VirtualHost>
`,
    });
    await using receiver = new EventReceiver(site.socketPath);
    const rows: [sent: string, want: string][] = [
      ["/plain?a=b&tokens=1", "/plain?a=b&tokens=1"],
      ["/q?token=s3cr3t&a=b", "/q?token=*&a=b"],
      ["/q?a&PassWord=s3cr3t/?s3cr3t;x", "/q?a&PassWord=*;x"],
      ["/q?%61pi%5Fkey=s3cr3t", "/q?%61pi%5Fkey=*"],
      ["/q?token=&sid=s3cr3t", "/q?token=&sid=*"],
      ["/q?token=s3cr3t=&token=s3cr3t", "/q?token=*&token=*"],
      ["/q?invite=s3cr3t&code=s3cr3t", "/q?invite=*&code=*"],
      ["/p;jsessionid=s3cr3t/b;v=1?c", "/p;jsessionid=*/b;v=1?c"],
      ["/p;SID=s3cr3t", "/p;SID=*"],
      [`/l?token=s3cr3t${"x".repeat(2000)}&b=c`, "/l?token=*&b=c"],
    ];
    for (const [i, [sent, want]] of rows.entries()) {
      await t.step(sent.slice(0, 40), async () => {
        await sendRaw(
          site.httpd.port,
          `GET ${sent} HTTP/1.1\r\nHost: a\r\nReferer: https://r.example${sent}\r\n` +
            "Connection: close\r\n\r\n",
        );
        const event = (await receiver.waitForRequests(i + 1))[i];
        const { url_path, url_query } = event ?? {};
        equal(
          url_query === undefined ? url_path : `${url_path}?${url_query}`,
          want,
        );
        equal(
          event?.headers["referer"],
          `https://r.example${want}`.slice(0, 1024),
        );
        equal(event?.truncated, undefined);
      });
    }
  },
);

Deno.test(
  "JsonSockLogPhase start still tells of requests that are refused",
  HTTPD,
  async () => {
    await using site = await startSite({ extra: "JsonSockLogPhase start\n" });
    await using receiver = new EventReceiver(site.socketPath);
    await curl([`${site.http}/good`]);
    await sendRaw(site.httpd.port, "GET /bad HTTP/1.1\r\nBad\r\n\r\n");
    const requests = await receiver.waitForRequests(2);
    equal(
      requests.map((event) => [event.url_path, event.status_code]),
      [["/good", 0], ["/bad", 400]],
    );
  },
);

Deno.test(
  "a reader that comes, or is allowed, is found at once, however long JsonSockLogReconnectInterval is",
  HTTPD,
  async () => {
    await using site = await startSite({
      extra: `${ONE_CHILD}JsonSockLogReconnectInterval 86400\n`,
    });
    await curl([`${site.http}/absent`]);
    {
      await using receiver = new EventReceiver(site.socketPath);
      await curl([`${site.http}/there`]);
      await receiver.waitForPath("/there");
    }
    await curl([`${site.http}/gone`]);
    await using receiver = new EventReceiver(site.socketPath);
    await Deno.chmod(site.socketPath, 0o600);
    await curl([`${site.http}/forbidden`]);
    await Deno.chmod(site.socketPath, 0o666);
    await curl([`${site.http}/back`]);
    await receiver.waitForPath("/back");
    equal(
      receiver.requests.filter((event) => event.url_path === "/forbidden"),
      [],
    );
  },
);

Deno.test("JsonSockLogLevel holds back messages", HTTPD, async () => {
  await using site = await startSite({
    extra: `${ONE_CHILD}JsonSockLogLevel ERROR\n`,
  });
  await curl([`${site.http}/a`, `${site.http}/b`]);
  await using receiver = new EventReceiver(site.socketPath);
  await curl([`${site.http}/c`]);
  const [c] = await receiver.waitForPath("/c");
  ok((c?.events_dropped ?? 0) > 0);
  ok(!(await site.httpd.errorLog()).includes("Cannot send"));
});

Deno.test(
  "docs/apache-module.md has a section for every directive of the module",
  HTTPD,
  async () => {
    const docs = await Deno.readTextFile(
      new URL("../docs/apache-module.md", import.meta.url),
    );
    const strings = await Deno.readTextFile(
      new URL("../apache/settings.c", import.meta.url),
    );
    const known = [...strings.matchAll(/AP_INIT_\w+\("(\w+)"/g)].map((
      [, name],
    ) => name);
    equal(known.toSorted(), DIRECTIVES.toSorted());
    for (const name of DIRECTIVES) {
      match(docs, new RegExp(`^### ${name}$`, "m"));
    }
  },
);
