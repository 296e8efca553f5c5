import assert from "node:assert/strict";
import { hashToken } from "../lib/accounts.ts";
import { qrModules, qrPath } from "./qr.ts";

/** Codes that zbarimg 0.23 has read back as their text: one of each version, and both ends of the first. */
Deno.test.each([
  { length: 1, size: 21, digest: "29d7a83729640092" },
  { length: 17, size: 21, digest: "f3c3854faf4af255" },
  { length: 18, size: 25, digest: "984bdb8938584bc0" },
  { length: 53, size: 29, digest: "0a6ae15bed6ec410" },
  { length: 78, size: 33, digest: "2e7139ec54bf14ac" },
  { length: 106, size: 37, digest: "b49d2e0c131f4a94" },
  { length: 134, size: 41, digest: "cc9e15f35d7e3867" },
  { length: 154, size: 45, digest: "26a68f77fc52b302" },
  { length: 192, size: 49, digest: "d24badee8ee7db4e" },
  { length: 230, size: 53, digest: "01d8de9ea1b6da2b" },
])(
  "qrModules() of $length bytes is the code that a reader has read",
  async ({ length, size, digest }) => {
    const text = "otpauth://totp/JA4%20Platform:anne?secret=ABCDEFGHIJKLMNOP"
      .repeat(5).slice(0, length);
    const modules = qrModules(text);
    assert.equal(modules.length, size);
    assert.equal((await hashToken(qrPath(modules))).slice(0, 16), digest);
  },
);

Deno.test("qrModules() refuses what no code of its size can hold", () => {
  assert.throws(() => qrModules("x".repeat(231)), /too long/);
});
