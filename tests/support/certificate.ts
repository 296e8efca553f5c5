/** Certificates of test servers. @module */
import { run } from "./network.ts";

/** A certificate for localhost, valid for a day, and its key; both PEM. */
export async function makeCertificate(
  folder: string,
): Promise<{ key: string; cert: string }> {
  const [key, cert] = [`${folder}/key.pem`, `${folder}/cert.pem`];
  await run("openssl", [
    ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
    ...["-nodes", "-keyout", key, "-out", cert, "-days", "1"],
    ...["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
  ]);
  return {
    key: await Deno.readTextFile(key),
    cert: await Deno.readTextFile(cert),
  };
}
