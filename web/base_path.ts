/**
 * The dashboard under a folder of a site, such as https://soc.example.org/ja4: requests lose the folder
 * on their way in, and what leads elsewhere in an answer gets it on its way out. Routes and pages know
 * nothing of it.
 *
 * @module
 */

type Handler = (
  request: Request,
  info?: Deno.ServeHandlerInfo,
) => Promise<Response>;

/**
 * Attributes that hold a path of ours. The server writes a quote in any text as `&quot;`, so that a
 * text which looks like one is none.
 */
const PATHS = /(\s(?:href|src|action|formaction)=")\/(?!\/)/g;
/** Paths of scripts in what the server tells the browser about islands. */
const SCRIPTS = /(")\/(?=_fresh\/)/g;

/**
 * `handler` under `base`, which is empty or begins with a slash and ends without one. A request without
 * the folder is answered too: a proxy may have cut it already, and probes come without.
 */
export function underBasePath(base: string, handler: Handler): Handler {
  if (base === "") return handler;
  return async (request, info) => {
    const response = await handler(withoutBase(request, base), info);
    const headers = new Headers(response.headers);
    const location = headers.get("location");
    if (location?.startsWith("/") && !location.startsWith("//")) {
      headers.set("location", base + location);
    }
    const { status, statusText } = response;
    const init = { status, statusText, headers };
    if (!headers.get("content-type")?.startsWith("text/html")) {
      return new Response(response.body, init);
    }
    headers.delete("content-length");
    const html = (await response.text())
      .replaceAll(PATHS, `$1${base}/`)
      .replaceAll(SCRIPTS, `$1${base}/`)
      .replace("<html ", `<html data-base="${base}" `);
    return new Response(html, init);
  };
}

function withoutBase(request: Request, base: string): Request {
  const url = new URL(request.url);
  if (url.pathname !== base && !url.pathname.startsWith(`${base}/`)) {
    return request;
  }
  url.pathname = url.pathname.slice(base.length) || "/";
  const { method, headers, body } = request;
  // By its parts: a copy of the whole would tie itself to the life of the first request's signal.
  return new Request(url, {
    method,
    headers,
    redirect: "manual",
    ...(body === null ? {} : { body, duplex: "half" } as RequestInit),
  });
}
