import assert from "node:assert/strict";
import {
  codeOf,
  createRecoveryCodes,
  createSecret,
  decodeBase32,
  encodeBase32,
  hashRecoveryCode,
  stepOf,
} from "./totp.ts";

/** RFC 6238, appendix B: the ASCII digits 1 to 0, twice. */
const SECRET = encodeBase32(new TextEncoder().encode("12345678901234567890"));

Deno.test.each([
  { seconds: 59, want: "94287082" },
  { seconds: 1111111109, want: "07081804" },
  { seconds: 1111111111, want: "14050471" },
  { seconds: 1234567890, want: "89005924" },
  { seconds: 2000000000, want: "69279037" },
  { seconds: 20000000000, want: "65353130" },
])("codeOf() at $seconds s is that of RFC 6238", async ({ seconds, want }) => {
  assert.equal(await codeOf(SECRET, Math.floor(seconds / 30), 8), want);
});

Deno.test.each([
  { text: "", base32: "" },
  { text: "f", base32: "MY" },
  { text: "foobar", base32: "MZXW6YTBOI" },
])("encodeBase32() of $text is that of RFC 4648", ({ text, base32 }) => {
  const bytes = new TextEncoder().encode(text);
  assert.equal(encodeBase32(bytes), base32);
  assert.deepEqual(decodeBase32(base32.toLowerCase()), bytes);
});

Deno.test("stepOf() takes a code of now and of one step beside it, once", async () => {
  const secret = createSecret();
  const nowMs = 1_800_000_015_000;
  const now = Math.floor(nowMs / 30_000);
  for (const drift of [-2, -1, 0, 1, 2]) {
    const code = await codeOf(secret, now + drift);
    const found = await stepOf(code, secret, { nowMs, lastStep: 0 });
    assert.equal(found, Math.abs(drift) < 2 ? now + drift : undefined);
  }
  const code = await codeOf(secret, now);
  assert.equal(
    await stepOf(code, secret, { nowMs, lastStep: now }),
    undefined,
    "a code that was seen is spent",
  );
  assert.equal(
    await stepOf(`${code.slice(0, 3)} ${code.slice(3)}`, secret, {
      nowMs,
      lastStep: now - 1,
    }),
    now,
  );
  for (const wrong of ["", "12345", "1234567", "abcdef"]) {
    assert.equal(
      await stepOf(wrong, secret, { nowMs, lastStep: 0 }),
      undefined,
    );
  }
});

Deno.test("createRecoveryCodes() gives ten that differ and are read as typed", async () => {
  const codes = createRecoveryCodes();
  assert.equal(new Set(codes).size, 10);
  for (const code of codes) {
    assert.match(code, /^[a-z2-7]{4}(-[a-z2-7]{4}){3}$/);
  }
  const [first = ""] = codes;
  assert.equal(
    await hashRecoveryCode(first.toUpperCase().replaceAll("-", " ")),
    await hashRecoveryCode(first),
  );
});
