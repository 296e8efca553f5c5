/*
 * What nginx's own variables cannot tell of a request's headers, for njs: their names as received
 * (order, case and repetitions), the lengths of credentials, the number of cookies. A JSON text.
 */
const CREDENTIALS = [
  "authorization",
  "proxy-authorization",
  "cookie",
  "x-api-key",
  "x-auth-token",
];
const HEADERS_MAX = 64;

function headers(r) {
  const names = [];
  const lengths = {};
  let cookies = 0;

  r.rawHeadersIn.forEach(function (pair, index) {
    const name = pair[0].toLowerCase();
    if (index < HEADERS_MAX) names.push(pair[0]);
    if (CREDENTIALS.includes(name) && lengths[name] === undefined) {
      lengths[name] = pair[1].length;
    }
    if (name === "cookie") {
      cookies += pair[1].split(";").filter((part) => part.trim() !== "").length;
    }
  });
  const out = { names: names, lengths: lengths, cookies: cookies };
  if (r.rawHeadersIn.length > names.length) {
    out.dropped = r.rawHeadersIn.length - names.length;
  }
  return JSON.stringify(out);
}

export default { headers };
