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

/** A certificate for localhost by an authority of its own, whose certificate's path is `authority`. */
export async function makeSignedCertificate(
  folder: string,
): Promise<{ key: string; cert: string; authority: string }> {
  const at = (name: string) => `${folder}/${name}.pem`;
  const make = async (name: string, subject: string, ...more: string[]) =>
    await run("openssl", [
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt"],
      ...["ec_paramgen_curve:P-256", "-nodes", "-days", "1"],
      ...["-keyout", at(`${name}_key`), "-out", at(name), "-subj", subject],
      ...more,
    ]);
  await make("authority", "/CN=authority");
  await make(
    "signed",
    "/CN=localhost",
    ...["-CA", at("authority"), "-CAkey", at("authority_key")],
    ...["-addext", "subjectAltName=DNS:localhost"],
    ...["-addext", "basicConstraints=critical,CA:FALSE"],
  );
  return {
    key: await Deno.readTextFile(at("signed_key")),
    cert: await Deno.readTextFile(at("signed")),
    authority: at("authority"),
  };
}
