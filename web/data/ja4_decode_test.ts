import assert from "node:assert/strict";
import { codePointName, isPostQuantum, isWeak } from "./iana.ts";
import { decodeSectionA, ja4Parts } from "./ja4_decode.ts";

Deno.test.each([
  {
    a: "t13d1516h2",
    want: [
      "TCP, TLS 1.3",
      "server name sent",
      "15 ciphers, 16 extensions",
      "first ALPN is HTTP/2 (h2)",
    ],
  },
  {
    a: "q13i9900h3",
    want: [
      "QUIC, TLS 1.3",
      "no server name: the client asked for an address",
      "99 or more ciphers, 0 extensions",
      "first ALPN is HTTP/3 (h3)",
    ],
  },
  {
    a: "t12d0408ab",
    want: [
      "TCP, TLS 1.2",
      "server name sent",
      "4 ciphers, 8 extensions",
      'first ALPN is "a…b"',
    ],
  },
  { a: "nonsense", want: [] },
])("decodeSectionA() of $a", ({ a, want }) => {
  assert.deepEqual(decodeSectionA(a).map(({ meaning }) => meaning), want);
});

Deno.test("ja4Parts() of a damaged fingerprint leaves the rest empty", () => {
  assert.deepEqual(ja4Parts("t13"), { a: "t13", b: "", c: "" });
});

Deno.test.each(
  [
    { kind: "cipher_suite", code: 0x1301, want: "TLS_AES_128_GCM_SHA256" },
    {
      kind: "cipher_suite",
      code: 0xc02f,
      want: "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    },
    {
      kind: "cipher_suite",
      code: 0xcca9,
      want: "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    },
    { kind: "extension", code: 0xfe0d, want: "encrypted_client_hello" },
    { kind: "supported_group", code: 4588, want: "X25519MLKEM768" },
    { kind: "signature_algorithm", code: 0x0804, want: "rsa_pss_rsae_sha256" },
    { kind: "extension", code: 0x1234, want: undefined },
  ] as const,
)("codePointName() of $kind $code", ({ kind, code, want }) => {
  assert.equal(codePointName(kind, code), want);
});

Deno.test("isWeak() and isPostQuantum() judge by what the name stands for", () => {
  assert(isWeak("cipher_suite", "TLS_RSA_WITH_3DES_EDE_CBC_SHA"));
  assert(!isWeak("cipher_suite", "TLS_AES_128_GCM_SHA256"));
  assert(isPostQuantum("supported_group", "X25519MLKEM768"));
  assert(!isPostQuantum("supported_group", "x25519"));
});
