/** The dashboard as a program: reads its configuration, opens the database, serves the built pages. @module */
import { DatabaseError, openDatabase } from "../lib/clickhouse.ts";
import { databaseOptions } from "../lib/clickhouse_config.ts";
import { splitAddress } from "../lib/config.ts";
import { FatalError, messageOf } from "../lib/errors.ts";
import type { UnixMicros } from "../lib/events.ts";
import { type Logger, startLog } from "../lib/log.ts";
import { main, type Program } from "../lib/program.ts";
import { aborted } from "../lib/shutdown.ts";
import { IdempotentCalls } from "./api/idempotency.ts";
import { RateLimiter } from "./api/rate_limit.ts";
import { Accounts } from "./auth/accounts.ts";
import { ApiTokens } from "./auth/api_tokens.ts";
import { FirstAdmin } from "./auth/first_admin.ts";
import { LoginThrottle } from "./auth/login_throttle.ts";
import { Oidc } from "./auth/oidc.ts";
import { PasswordHasher } from "./auth/password.ts";
import { ProxyAuth } from "./auth/proxy_auth.ts";
import { SecondFactors } from "./auth/second_factors.ts";
import { SessionStore } from "./auth/session_store.ts";
import { Sessions } from "./auth/sessions.ts";
import { underBasePath } from "./base_path.ts";
import { type AccessParts, accessParts, schema } from "./config.ts";
import { ExportPlaces } from "./export_places.ts";
import { LiveHub } from "./live_hub.ts";
import { askLive } from "./live_query.ts";
import { TailReader } from "./live_tail.ts";
import { runRules } from "./rule_runner.ts";
import { provide, type Services } from "./services.ts";
import { Searches } from "./searches.ts";
import { WebMetrics } from "./web_metrics.ts";

/** Milliseconds between two looks at whether there is an account yet. */
const FIRST_ADMIN_MS = 5000;

/** Milliseconds for which a page waits for its panels: longer, and people wonder whether anything happens. */
const PATIENCE_MS = 2000;

/** The built application. */
interface Server {
  readonly fetch: Handler;
}

/** The dashboard as a program; `load` gives what the build has made of it. */
export function createProgram(
  load: () => Promise<Server>,
): Program<typeof schema> {
  return {
    name: "web",
    daemon: true,
    summary: "Serves the dashboard.",
    schema,
    async run({ config, signal, ready }) {
      const log = await startLog("web", config.log.level);
      // The port first: that it is taken is told before anything that takes time.
      const application = Promise.withResolvers<Handler>();
      const server = listen(config.web.listen, async (request, info) => {
        const answer = await application.promise;
        return await answer(request, info);
      }, log);
      const { fetch } = await load();
      await using db = await openDatabase(databaseOptions(config.clickhouse));
      await using app = await openDatabase(databaseOptions(config.app));
      using services = await createServices({
        db,
        app,
        log,
        ...await accessParts(config),
      });
      provide(services);
      application.resolve(underBasePath(services.basePath, fetch));
      const url = `http://${hostOf(server.addr)}`;
      log.info("Serving the dashboard", { url });
      ready(`Serving on ${url}`);
      const firstAdmin = offerFirstAdmin(
        services,
        config.web.public_url?.replace(/\/$/, "") ?? url,
        signal,
      );
      const rules = runRules({ app, log, now: services.now, signal });
      await aborted(signal);
      services.live[Symbol.dispose]();
      await Promise.race([
        server.shutdown(),
        new Promise((resolve) => Deno.unrefTimer(setTimeout(resolve, 500))),
      ]);
      await firstAdmin;
      await rules;
    },
  };
}

/** The program behind `deno task web`. */
export const program: Program<typeof schema> = createProgram(builtServer);

type Handler = (
  request: Request,
  info?: Deno.ServeHandlerInfo,
) => Promise<Response>;

/** What `deno task build` has written. */
async function builtServer(): Promise<Server> {
  const { href } = new URL("_fresh/server.js", import.meta.url);
  try {
    const { default: server } = await import(href);
    return server;
  } catch (thrown) {
    // A module that is missing elsewhere is our fault and shows its stack.
    if (!messageOf(thrown).includes(`Module not found "${href}"`)) throw thrown;
    throw new FatalError(
      "noInput",
      'Cannot serve the dashboard: it has not been built; run "deno task build" first',
      { cause: thrown },
    );
  }
}

/** What {@linkcode createServices} starts from. */
export type ServiceParts =
  & Pick<Services, "db" | "app" | "log">
  & Partial<Pick<Services, "patienceMs">>
  & AccessParts;

/** Everything that routes work with, around two open databases. Disposing ends the live streams. */
export async function createServices(
  parts: ServiceParts,
): Promise<Services & Disposable> {
  const { db, app, log } = parts;
  const store = new SessionStore(app);
  const metrics = new WebMetrics();
  const hasher = await PasswordHasher.create();
  if (hasher.algorithm === "scrypt") {
    log.warning("Passwords are hashed with scrypt: Argon2id is not available");
  }
  let away = false;
  const tail = new TailReader(db);
  const live = new LiveHub({
    ask: async () => {
      const numbers = await askLive(db);
      if (away) log.info("The database answers again");
      away = false;
      return numbers;
    },
    askTail: async (first) => {
      if (!first) return await tail.read();
      // What was there before is the page's to show, and no news.
      tail.reset();
      await tail.read();
      return { rows: [], missed: 0 };
    },
    nowMs: Date.now,
    onStreams: (count) => metrics.streams.set(count),
    onFailure: (thrown) => {
      metrics.pollFailures.inc();
      if (!away) {
        log.warning("The database does not answer; live numbers stand still", {
          error: messageOf(thrown),
        });
      }
      away = true;
    },
  });
  const { oidcOptions, proxyOptions, ...given } = parts;
  const accounts = new Accounts(store, hasher);
  return {
    patienceMs: PATIENCE_MS,
    ...given,
    accounts,
    store,
    tokens: new ApiTokens(app, Date.now),
    secondFactors: new SecondFactors(() => performance.now()),
    oidc: oidcOptions === undefined
      ? undefined
      : new Oidc(oidcOptions, Date.now),
    proxy: proxyOptions === undefined ? undefined : new ProxyAuth(
      proxyOptions,
      { accounts, trusted: parts.trustedProxies, log },
    ),
    sessions: new Sessions(store, Date.now),
    throttle: new LoginThrottle(() => performance.now()),
    firstAdmin: new FirstAdmin(store),
    live,
    searches: new Searches(),
    rates: new RateLimiter(() => performance.now()),
    idempotent: new IdempotentCalls(() => performance.now()),
    exports: new ExportPlaces(),
    metrics,
    now: () => Date.now() * 1000 as UnixMicros,
    [Symbol.dispose]: () => live[Symbol.dispose](),
  };
}

function listen(
  address: string,
  handler: Handler,
  log: Logger,
): Deno.HttpServer<Deno.NetAddr> {
  const { hostname, port } = splitAddress(address);
  try {
    return Deno.serve({
      hostname,
      port,
      automaticCompression: true,
      onListen: () => {},
      onError: (thrown) => {
        log.error("A request failed outside the application", {
          error: messageOf(thrown),
        });
        return new Response("Internal server error", { status: 500 });
      },
    }, handler);
  } catch (thrown) {
    throw new FatalError(
      "unavailable",
      `Cannot listen on ${address}: ${messageOf(thrown)}`,
      { cause: thrown },
    );
  }
}

function hostOf({ hostname, port }: Deno.NetAddr): string {
  return `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
}

/** While there is no account, has the log show the one link that makes the first. */
async function offerFirstAdmin(
  { firstAdmin, log }: Services,
  base: string,
  signal: AbortSignal,
): Promise<void> {
  let shown: string | undefined;
  while (!signal.aborted) {
    try {
      const token = await firstAdmin.offer();
      if (token === undefined) return;
      if (token !== shown) {
        log.info("There is no account yet; open this link to make the first", {
          url: `${base}/setup?token=${token}`,
        });
      }
      shown = token;
    } catch (thrown) {
      if (!(thrown instanceof DatabaseError)) throw thrown;
    }
    await wait(FIRST_ADMIN_MS, signal);
  }
}

/** Resolves after `ms` milliseconds, or when `signal` aborts. */
function wait(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done, { once: true });
  });
}

if (import.meta.main) await main(program);
