/**
 * A TLS terminator before a server, as operators put one before ClickHouse: nginx that asks each
 * client for a certificate of the test authority.
 *
 * @module
 */
import { freePort } from "../../lib/testing.ts";
import { existsSync } from "node:fs";

/** Whether nginx is here to be one. */
export const HAS_NGINX = existsSync("/usr/sbin/nginx");

/** A running terminator. */
export interface TlsProxy extends AsyncDisposable {
  /** `https://localhost:PORT` */
  readonly url: string;
  /** PEM files. */
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

/** Starts it in `folder`, for the server on `port`. */
export async function startTlsProxy(
  folder: string,
  port: number,
): Promise<TlsProxy> {
  const path = (name: string): string => `${folder}/${name}`;
  await makeCertificate(path("authority"), "/CN=test authority", [
    "-addext",
    "basicConstraints=critical,CA:TRUE",
  ]);
  const signed = [
    "-CA",
    path("authority.pem"),
    "-CAkey",
    path("authority.key"),
    "-addext",
    "basicConstraints=critical,CA:FALSE",
  ];
  await makeCertificate(path("server"), "/CN=localhost", [
    ...signed,
    "-addext",
    "subjectAltName=DNS:localhost,IP:127.0.0.1",
  ]);
  await makeCertificate(path("client"), "/CN=ja4", [
    ...signed,
    "-addext",
    "extendedKeyUsage=clientAuth",
  ]);
  const listen = freePort();
  await Deno.writeTextFile(
    path("nginx.conf"),
    `daemon off;
worker_processes 1;
pid ${path("pid")};
error_log ${path("error.log")} error;
events { worker_connections 256; }
http {
  access_log off;
  client_body_temp_path ${path("body")};
  proxy_temp_path ${path("proxy")};
  fastcgi_temp_path ${path("fastcgi")};
  uwsgi_temp_path ${path("uwsgi")};
  scgi_temp_path ${path("scgi")};
  client_max_body_size 64m;
  server {
    listen 127.0.0.1:${listen} ssl;
    ssl_certificate ${path("server.pem")};
    ssl_certificate_key ${path("server.key")};
    ssl_client_certificate ${path("authority.pem")};
    ssl_verify_client on;
    location / {
      proxy_pass http://127.0.0.1:${port};
      proxy_http_version 1.1;
      proxy_request_buffering off;
      proxy_buffering off;
    }
  }
}
`,
  );
  const child = new Deno.Command("/usr/sbin/nginx", {
    args: ["-p", folder, "-e", path("error.log"), "-c", path("nginx.conf")],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  return {
    url: `https://localhost:${listen}`,
    caFile: path("authority.pem"),
    certFile: path("client.pem"),
    keyFile: path("client.key"),
    async [Symbol.asyncDispose](): Promise<void> {
      child.kill("SIGTERM");
      await child.status;
    },
  };
}

/** A certificate of localhost that nobody but itself has signed: PATH.pem and PATH.key. */
export function makeServerCertificate(path: string): Promise<void> {
  return makeCertificate(path, "/CN=localhost", [
    "-addext",
    "subjectAltName=DNS:localhost,IP:127.0.0.1",
  ]);
}

async function makeCertificate(
  path: string,
  subject: string,
  more: readonly string[],
): Promise<void> {
  const { success, stderr } = await new Deno.Command("openssl", {
    // deno-fmt-ignore
    args: ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3",
      "-subj", subject, "-keyout", `${path}.key`, "-out", `${path}.pem`, ...more],
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}
