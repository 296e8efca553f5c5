import assert from "node:assert/strict";
import { BusyError, passwordFault, PasswordHasher } from "./password.ts";

/** "correct horse" with a salt of sixteen 7s, as hash-wasm 4.12 computes it. */
const KNOWN =
  "$argon2id$v=19$m=19456,t=2,p=1$BwcHBwcHBwcHBwcHBwcHBw$cTLmpgKLeruU6za+t2cUZ3fNfHVCYhGoJ8inpcUNcwc";

Deno.test("PasswordHasher uses this runtime's Argon2id", async () => {
  const hasher = await PasswordHasher.create();
  assert.equal(hasher.algorithm, "argon2id");
  assert.ok(await hasher.verify("correct horse", KNOWN));
  assert.ok(!await hasher.verify("correct horsf", KNOWN));
});

Deno.test("PasswordHasher falls back to scrypt, and still knows the older hashes", async () => {
  const { importKey } = crypto.subtle;
  let hasher: PasswordHasher;
  try {
    crypto.subtle.importKey = () => Promise.reject(new Error("unknown"));
    hasher = await PasswordHasher.create();
  } finally {
    crypto.subtle.importKey = importKey;
  }
  assert.equal(hasher.algorithm, "scrypt");
  const phc = await hasher.hash("correct horse");
  assert.match(phc, /^\$scrypt\$ln=17,r=8,p=1\$[\w+/]{22}\$[\w+/]{43}$/);
  assert.ok(await hasher.verify("correct horse", phc));
  assert.ok(!await hasher.verify("incorrect horse", phc));
  assert.ok(await hasher.verify("correct horse", KNOWN));
  assert.ok(hasher.isOutdated(KNOWN));
});

Deno.test("PasswordHasher.hash() gives a new string each time, which verify() accepts", async () => {
  const hasher = await PasswordHasher.create();
  const one = await hasher.hash("päss wörd");
  assert.notEqual(one, await hasher.hash("päss wörd"));
  assert.ok(await hasher.verify("päss wörd", one));
  assert.ok(!hasher.isOutdated(one));
  assert.ok(hasher.isOutdated(one.replace("t=2", "t=1")));
});

Deno.test.each([
  { phc: undefined },
  { phc: "" },
  { phc: "plain text" },
  { phc: "$argon2id$v=19$m=19456,t=2,p=1$$" },
  { phc: "$argon2i$v=19$m=19456,t=2,p=1$AAAA$AAAA" },
])("PasswordHasher.verify() against $phc is false", async ({ phc }) => {
  const hasher = await PasswordHasher.create();
  assert.equal(await hasher.verify("", phc), false);
});

Deno.test.each([
  { password: "short", fault: /at least 12/ },
  { password: "aaaaaaaaaaaaaaaa", fault: /too few different/ },
  { password: "xxANNEyy-zz-12", fault: /must not hold the login/ },
  { password: "x".repeat(1025), fault: /at most 1024/ },
  { password: "sonyericsson", fault: /tried first/ },
  { password: "SonyEricsson", fault: /tried first/ },
  { password: "password1234", fault: /tried first/ },
  { password: "P4ssw0rd2024!", fault: /tried first/ },
  { password: "PasswordPassword", fault: /tried first/ },
  { password: "2026-Summer!!", fault: /tried first/ },
  { password: "123456789012345", fault: /only of digits/ },
  { password: "password of a house", fault: undefined },
  { password: "correct horse battery", fault: undefined },
  { password: "пароль-из-слов", fault: undefined },
])("passwordFault($password)", ({ password, fault }) => {
  const found = passwordFault(password, "anne");
  if (fault === undefined) assert.equal(found, undefined);
  else assert.match(found ?? "", fault);
});

Deno.test("PasswordHasher refuses a flood rather than let it wait for ever", async () => {
  const hasher = await PasswordHasher.create();
  const results = await Promise.allSettled(
    Array.from({ length: 100 }, () => hasher.verify("x", undefined)),
  );
  const refused = results.filter((result) => result.status === "rejected");
  assert.equal(refused.length, 100 - 64 - navigator.hardwareConcurrency);
  assert.ok(refused.every(({ reason }) => reason instanceof BusyError));
  assert.equal(await hasher.verify("x", undefined), false);
});
