/**
 * The ways in: the first account, logging out for good, and the dashboard in a folder of another site
 * behind a proxy that ends TLS and knows who it is.
 *
 * J1 and J15 of docs/dashboard.md.
 */
import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { exists, freePort, temporaryFolder } from "../../lib/testing.ts";
import { NetworkSet } from "../../lib/ip_filter.ts";
import { startBrowser } from "../support/browser.ts";
import { chord, WITH_BROWSER } from "../support/journey.ts";
import { startStore } from "../support/store.ts";
import { makeServerCertificate } from "../support/tls.ts";
import { axeFaults, visit } from "../support/visit.ts";
import { PASSWORD, startWeb } from "../support/web.ts";

const NGINX = "/usr/sbin/nginx";

Deno.test("the first account, and logging out", WITH_BROWSER, async () => {
  await using store = await startStore();
  await using web = await startWeb(store, {}, { accounts: false });
  const { base, shutdown } = web.serve();
  const browser = await startBrowser();
  try {
    await using tab = await visit(browser, base, {});
    const { page } = tab;
    await page.goto(
      `${base}/setup?token=${await web.services.firstAdmin.offer()}`,
    );
    await assertAccessible(page);
    await page.getByLabel("Login").fill("root");
    await page.getByLabel("Password, 12").fill(PASSWORD);
    await page.getByLabel("Password again").fill(PASSWORD);
    await page.getByRole("button", { name: "Make administrator" }).click();
    await page.waitForURL(`${base}/`);
    const [cookie] = (await page.context().cookies()).filter((one) =>
      one.name === "s"
    );
    assert.ok(
      cookie !== undefined && cookie.httpOnly && cookie.sameSite === "Lax",
    );
    await page.goto(`${base}/health`);
    await page.locator(".user-chip").click();
    await page.getByRole("button", { name: "Log out" }).click();
    await page.waitForURL(`${base}/login`);
    await page.goBack();
    await page.waitForURL(/login/);
    assert.equal(
      await page.getByRole("heading", { name: "Log in" }).count(),
      1,
    );
    await assertAccessible(page);
    // A password may be pasted, and managers of passwords know the fields (WCAG 2.2, 3.3.8).
    const [login, password] = [
      page.getByLabel("Login"),
      page.getByLabel("Password"),
    ];
    await login.fill(PASSWORD);
    await login.press("Control+a");
    await login.press("Control+x");
    await password.press("Control+v");
    assert.equal(await password.inputValue(), PASSWORD);
    assert.equal(await login.getAttribute("autocomplete"), "username");
    assert.equal(
      await password.getAttribute("autocomplete"),
      "current-password",
    );
    await login.fill("nobody");
    await page.getByRole("button", { name: "Log in" }).click();
    await page.getByRole("alert").waitFor();
    await assertAccessible(page);
    await login.fill("root");
    await password.fill(PASSWORD);
    await page.getByRole("button", { name: "Log in" }).click();
    await page.waitForURL(/health|\/$/);
    // The browser tells of the login that was refused, and of nothing else.
    const [refused = "", ...faults] = tab.faults;
    assert.match(refused, /status of 403/);
    assert.deepEqual(faults, []);
  } finally {
    await browser.close();
    await shutdown();
  }
});

Deno.test("in a folder behind nginx that ends TLS and says who it is", {
  ...WITH_BROWSER,
  ignore: WITH_BROWSER.ignore === true || !exists(NGINX),
}, async (t) => {
  await using folder = await temporaryFolder();
  await using store = await startStore();
  const port = freePort();
  const origin = `https://localhost:${port}`;
  const groupRoles = {
    groups: { viewer: [], analyst: ["soc"], admin: [] },
    fallback: undefined,
  };
  await using web = await startWeb(store, {
    publicOrigin: origin,
    basePath: "/ja4",
    trustedProxies: new NetworkSet(["127.0.0.1/32"]),
    groupRoles,
    proxyOptions: {
      userHeader: "X-Forwarded-User",
      groupsHeader: "X-Forwarded-Groups",
      roles: groupRoles,
    },
  });
  const { base: direct, shutdown } = web.serve();
  await using _nginx = await startNginx(folder.path, { port, backend: direct });
  const browser = await startBrowser();
  const base = `${origin}/ja4`;

  await t.step("every link, form and script keeps to the folder", async () => {
    await using tab = await visit(browser, base, { ignoreHTTPSErrors: true });
    const { page } = tab;
    await page.goto(`${base}/`);
    assert.match(await page.locator(".user-chip").innerText(), /bea\s*analyst/);
    for (
      const path of [
        "/",
        "/detections",
        "/explore?q=status:4xx",
        "/live",
        "/help",
        "/settings",
        "/health",
        "/nowhere",
      ]
    ) {
      await page.goto(base + path);
      const astray = await page.evaluate(() =>
        [...document.querySelectorAll("[href], [src], [action], [formaction]")]
          .flatMap((one) =>
            ["href", "src", "action", "formaction"].map((name) =>
              one.getAttribute(name) ?? ""
            )
              .filter((value) =>
                value.startsWith("/") && !value.startsWith("/ja4")
              )
          )
      );
      assert.deepEqual(astray, [], path);
    }
    await page.goto(`${base}/explore`);
    await page.locator("#query").fill("status:4xx");
    await page.getByRole("button", { name: "Search", exact: true }).click();
    await page.waitForURL(`${base}/explore?*`);
    await page.goto(`${base}/live`);
    await page.locator(".live-counts .live-mark:not(.is-bad)").waitFor();
    await page.locator("#search").fill("192.0.2.1");
    await page.keyboard.press("Enter");
    await page.waitForURL(`${base}/ip/192.0.2.1*`);
    await chord(page, "g", "e");
    await page.waitForURL(`${base}/explore`);
    assert.deepEqual(
      tab.faults.filter((fault) => !fault.includes("404")),
      [],
      "no request left the folder",
    );
  });

  await t.step(
    "writes are believed from the proxy's origin alone",
    async () => {
      for (const [from, status] of [[origin, 303], [direct, 403]] as const) {
        const response = await fetch(`${direct}/preferences`, {
          method: "POST",
          body: "theme=dark",
          redirect: "manual",
          headers: {
            origin: from,
            "content-type": "application/x-www-form-urlencoded",
          },
        });
        await response.body?.cancel();
        assert.equal(response.status, status);
      }
    },
  );

  await t.step(
    "the proxy's cookie is one of TLS, and its redirects are in the folder",
    async () => {
      const response = await fetch(`${direct}/ja4/detections`, {
        redirect: "manual",
      });
      assert.equal(response.status, 303);
      assert.match(
        response.headers.get("location") ?? "",
        /^\/ja4\/login\?next=/,
      );
      assert.match(
        response.headers.get("strict-transport-security") ?? "",
        /max-age/,
      );
      await response.body?.cancel();
      const entered = await fetch(`${direct}/ja4/login`, {
        method: "POST",
        redirect: "manual",
        body: new URLSearchParams({ login: "viewer", password: PASSWORD }),
        headers: { origin },
      });
      await entered.body?.cancel();
      assert.match(
        entered.headers.get("set-cookie") ?? "",
        /^__Host-s=.*Secure/,
      );
    },
  );

  await browser.close();
  await shutdown();
});

/** nginx with a certificate of its own, the dashboard under /ja4/, and somebody it has let in. */
async function startNginx(
  folder: string,
  { port, backend }: { port: number; backend: string },
): Promise<AsyncDisposable> {
  await makeServerCertificate(`${folder}/server`);
  await Deno.writeTextFile(
    `${folder}/nginx.conf`,
    `daemon off;
worker_processes 1;
pid ${folder}/pid;
error_log ${folder}/error.log error;
events { worker_connections 64; }
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  server {
    listen 127.0.0.1:${port} ssl;
    ssl_certificate ${folder}/server.pem;
    ssl_certificate_key ${folder}/server.key;
    location /ja4/ {
      proxy_pass ${backend};
      proxy_http_version 1.1;
      proxy_buffering off;
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-User bea;
      proxy_set_header X-Forwarded-Groups soc;
    }
  }
}
`,
  );
  const child = new Deno.Command(NGINX, {
    args: [
      "-p",
      folder,
      "-e",
      `${folder}/error.log`,
      "-c",
      `${folder}/nginx.conf`,
    ],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  return {
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await child.status;
    },
  };
}

/** No rule of axe is broken, wide and on a phone, in both themes. */
async function assertAccessible(page: Page): Promise<void> {
  for (const width of [1440, 390]) {
    await page.setViewportSize({ width, height: 900 });
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      assert.deepEqual(await axeFaults(page), [], `${colorScheme}, ${width}`);
    }
  }
}
