/**
 * TLS clients of generated traffic, each as the lists of its ClientHello; the JA4 follows from them.
 *
 * The lists of Chromium 156, curl, wget, Node, Go and Java were captured from the running clients, those
 * of OpenSSL and Python requests follow from their cipher strings, and those of the other browsers from
 * curl-impersonate's signatures.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { HandshakeEvent, Ja4 } from "../../lib/events.ts";

/** What one ClientHello says, by the names of a handshake event. */
export type Hello =
  & Required<
    Pick<
      HandshakeEvent,
      | "ja4"
      | "ja4_r"
      | "cipher_suites"
      | "extensions"
      | "signature_algorithms"
      | "supported_groups"
      | "key_share_groups"
      | "supported_versions"
      | "ec_point_formats"
      | "grease"
      | "post_quantum"
      | "psk"
    >
  >
  & Pick<HandshakeEvent, "client_alpns">;

/** A TLS client: its first ClientHello, and the one with pre_shared_key if it resumes. */
export interface TlsStack {
  readonly hello: Hello;
  readonly resumed?: Hello;
}

/** Code points as hexadecimal words, in the order they are sent. */
interface Lists {
  readonly ciphers: string;
  readonly extensions: string;
  readonly signatures: string;
  readonly groups: string;
  readonly shares: string;
  /** @default "0304 0303" */
  readonly versions?: string;
  readonly alpns?: readonly string[];
  /** @default false */
  readonly grease?: boolean;
}

const SERVER_NAME = 0x0000;
const ALPN = 0x0010;
const PRE_SHARED_KEY = 0x0029;
const X25519_MLKEM768 = 0x11ec;

/** The ClientHello of lists, all of which offer TLS 1.3 over TCP. */
export function hello(lists: Lists): Hello {
  const { alpns = [], grease = false, versions = "0304 0303" } = lists;
  const cipher_suites = codePoints(lists.ciphers);
  const extensions = codePoints(lists.extensions);
  const signature_algorithms = codePoints(lists.signatures);
  const key_share_groups = codePoints(lists.shares);
  return {
    ...fingerprints({
      cipher_suites,
      extensions,
      signature_algorithms,
      alpns,
    }),
    cipher_suites,
    extensions,
    signature_algorithms,
    supported_groups: codePoints(lists.groups),
    key_share_groups,
    supported_versions: codePoints(versions),
    ec_point_formats: [0],
    ...(alpns.length > 0 ? { client_alpns: alpns } : {}),
    grease,
    post_quantum: key_share_groups.includes(X25519_MLKEM768),
    psk: extensions.includes(PRE_SHARED_KEY),
  };
}

/** JA4.md of FoxIO for TLS 1.3 over TCP; the lists have no GREASE and the protocols are ASCII letters and digits. */
function fingerprints(
  { cipher_suites, extensions, signature_algorithms, alpns }: {
    readonly cipher_suites: readonly number[];
    readonly extensions: readonly number[];
    readonly signature_algorithms: readonly number[];
    readonly alpns: readonly string[];
  },
): Pick<Hello, "ja4" | "ja4_r"> {
  const two = (count: number) => String(Math.min(99, count)).padStart(2, "0");
  const words = (list: readonly number[]) =>
    list.map((value) => value.toString(16).padStart(4, "0"));
  const hash = (text: string) =>
    createHash("sha256").update(text).digest("hex").slice(0, 12);
  const [protocol = "00"] = alpns;
  const a = `t13${extensions.includes(SERVER_NAME) ? "d" : "i"}${
    two(cipher_suites.length)
  }${two(extensions.length)}${protocol.at(0)}${protocol.at(-1)}`;
  const ciphers = words(cipher_suites).sort().join();
  const types = words(
    extensions.filter((type) => type !== SERVER_NAME && type !== ALPN),
  ).sort().join();
  const others = `${types}_${words(signature_algorithms).join()}`;
  return {
    ja4: `${a}_${hash(ciphers)}_${hash(others)}` as Ja4,
    ja4_r: `${a}_${ciphers}_${others}`,
  };
}

function codePoints(words: string): number[] {
  return words.split(" ").map((word) => parseInt(word, 16));
}

const H2 = ["h2", "http/1.1"];
const TLS10_UP = "0304 0303 0302 0301";

const CHROME: Lists = {
  ciphers:
    "1301 1302 1303 c02b c02f c02c c030 cca9 cca8 c013 c014 009c 009d 002f 0035",
  extensions:
    "001b 0000 0033 0010 4469 0017 002d 000d 0005 0023 0012 002b ff01 000b 000a fe0d",
  signatures: "0403 0804 0401 0503 0805 0501 0806 0601",
  groups: "11ec 001d 0017 0018",
  shares: "11ec 001d",
  alpns: H2,
  grease: true,
};
const CHROME_142 = exchanged(CHROME, { "4469": "44cd" });
/** ML-DSA came to the signature algorithms. */
const CHROME_150 = {
  ...CHROME_142,
  signatures: `0904 0905 0906 ${CHROME.signatures}`,
};
/** Has trust anchors. */
const CHROMIUM_156 = {
  ...CHROME_150,
  extensions:
    "000d 000a ff01 0010 44cd 001b 0023 ca34 0012 002d 0005 0033 0000 000b 002b 0017 fe0d",
};

const FIREFOX: Lists = {
  ciphers:
    "1301 1303 1302 c02b c02f cca9 cca8 c02c c030 c00a c009 c013 c014 009c 009d 002f 0035",
  extensions:
    "0000 0017 ff01 000a 000b 0023 0010 0005 0022 0012 0033 002b 000d 002d 001c 001b fe0d",
  signatures: "0403 0503 0603 0804 0805 0806 0401 0501 0601 0203 0201",
  groups: "11ec 001d 0017 0018 0019 0100 0101",
  shares: "11ec 001d 0017",
  alpns: H2,
};

const SAFARI: Lists = {
  ciphers:
    "1301 1302 1303 c02c c02b cca9 c030 c02f cca8 c00a c009 c014 c013 009d 009c 0035 002f c008 c012 000a",
  extensions:
    "0000 0017 ff01 000a 000b 0010 0005 000d 0012 0033 002d 002b 001b 0015",
  signatures: "0403 0804 0401 0503 0805 0805 0501 0806 0601 0201",
  groups: "001d 0017 0018 0019",
  shares: "001d",
  versions: TLS10_UP,
  alpns: H2,
  grease: true,
};
const SAFARI_26 = {
  ...SAFARI,
  groups: "11ec 001d 0017 0018 0019",
  shares: "11ec 001d",
  versions: "0304 0303",
};

const GO: Lists = {
  ciphers: "c02b c02f c02c c030 cca9 cca8 c009 c013 c00a c014 1301 1302 1303",
  extensions: "0000 000b ff01 0017 0012 0005 000a 000d 0032 0010 002b 0033",
  signatures: "0804 0403 0807 0805 0806 0401 0501 0601 0503 0603",
  groups: "001d 0017 0018 0019",
  shares: "001d",
  alpns: H2,
};
const GO_119: Lists = {
  ...GO,
  ciphers:
    "c02f c030 c02b c02c cca8 cca9 c013 c009 c014 c00a 009c 009d 002f 0035 c012 000a 1301 1302 1303",
  extensions: "0000 0005 000a 000b 000d ff01 0012 0010 002b 0033",
  signatures: "0804 0403 0807 0805 0806 0401 0501 0601 0503 0603 0201 0203",
  groups: "001d 0017 0018 0019",
};

/** OpenSSL 3.0 by its default list. */
const OPENSSL: Lists = {
  ciphers:
    "1302 1303 1301 c02c c030 009f cca9 cca8 ccaa c02b c02f 009e c024 c028 006b c023 c027 0067 c00a c014 0039 c009 c013 0033 009d 009c 003d 003c 0035 002f 00ff",
  extensions: "0000 000b 000a 0010 0016 0017 0031 000d 002b 002d 0033 0015",
  signatures:
    "0403 0503 0603 0807 0808 0809 080a 080b 0804 0805 0806 0401 0501 0601 0303 0301 0302 0402 0502 0602",
  groups: "001d 0017 001e 0019 0018 0100 0101 0102 0103 0104",
  shares: "001d",
  versions: TLS10_UP,
  alpns: H2,
};

/** TLS stacks by name. */
export const TLS = {
  /** Of no release yet: what a new version adds that nobody has seen. */
  chrome160: appended({
    ...CHROMIUM_156,
    extensions: `${CHROMIUM_156.extensions} 0022`,
  }),
  chromium156: appended(CHROMIUM_156),
  chrome150: appended(CHROME_150),
  chrome142: appended(CHROME_142),
  chrome131: appended(CHROME),
  firefox153: inPlace({
    ...FIREFOX,
    ciphers: FIREFOX.ciphers.replace(" c009", ""),
  }),
  firefox142: inPlace(FIREFOX),
  /** The long-term release: no certificate compression. */
  firefoxEsr: inPlace(exchanged(FIREFOX, { "0012": "", "001b": "" })),
  safari26ios: inPlace({
    ...SAFARI_26,
    extensions: `${SAFARI.extensions} 0023`,
  }),
  safari26mac: appended(exchanged(SAFARI_26, { "0015": "" })),
  safari18: appended(SAFARI),
  safari15: appended({
    ...SAFARI,
    signatures: "0403 0804 0401 0503 0203 0805 0805 0501 0806 0601 0201",
  }),
  go124: first(GO),
  go119: first(GO_119),
  goNoSni: first({
    ...exchanged(GO_119, { "0000": "", "0010": "" }),
    alpns: [],
  }),
  requests: first({
    ...OPENSSL,
    ciphers:
      "1302 1303 1301 c02c c030 c02b c02f cca9 cca8 009f 009e ccaa c0af c0ad c0ae c0ac c024 c028 c023 c027 c00a c014 c009 c013 c0a3 c09f c0a2 c09e 006b 0067 0039 0033 009d 009c c0a1 c09d c0a0 c09c 003d 003c 0035 002f 00ff",
    alpns: ["http/1.1"],
  }),
  curl: first(OPENSSL),
  node: node(["http/1.1"]),
  /** A library on Node that speaks HTTP/2 alone. */
  nodeH2: node(["h2"]),
  java17: first({
    ciphers:
      "1302 1301 1303 c02c c02b cca9 c030 cca8 c02f 009f ccaa 00a3 009e 00a2 c024 c028 c023 c027 006b 006a 0067 0040 c00a c014 c009 c013 0039 0038 0033 0032 009d 009c 003d 003c 0035 002f 00ff",
    extensions:
      "0000 0005 000a 000b 0010 0011 0017 0023 000d 002b 002d 0032 0033",
    signatures:
      "0403 0503 0603 0807 0808 0804 0805 0806 0809 080a 080b 0401 0501 0601 0402 0303 0301 0302 0203 0201 0202",
    groups: "001d 0017 0018 0019 001e 0100 0101 0102 0103 0104",
    shares: "001d 0017",
    alpns: H2,
  }),
  proxyBox: first({
    ...OPENSSL,
    extensions: "0000 000b 000a 0023 0016 0017 000d 002b 002d 0033 0015",
    alpns: [],
  }),
  okhttp: first({
    ...CHROME,
    extensions: "0000 0017 ff01 000a 000b 0023 0010 0005 000d 0033 002d 002b",
    signatures: `${CHROME.signatures} 0201`,
    groups: "001d 0017 0018",
    shares: "001d",
    versions: "0304 0303",
    grease: false,
  }),
  /** Applications of iOS. */
  cfnetwork: first({
    ...SAFARI,
    signatures: "0403 0804 0401 0503 0203 0805 0805 0501 0806 0601 0201",
    grease: false,
  }),
  /** Linked with GnuTLS. */
  wget: first({
    ciphers:
      "1302 1303 1301 1304 c02c cca9 c0ad c00a c02b c0ac c009 c030 cca8 c014 c02f c013 009d c09d 0035 009c c09c 002f 009f ccaa c09f 0039 009e c09e 0033",
    extensions:
      "0005 000a 000b 000d 0023 0033 002b 0031 ff01 0000 002d 001c 0015",
    signatures:
      "0401 0809 0804 0403 0807 0501 080a 0805 0503 0808 0601 080b 0806 0603 0201 0203",
    groups: "0017 0018 0019 001d 001e 0100 0101 0102 0103 0104",
    shares: "0017 001d",
    versions: TLS10_UP,
  }),
} as const satisfies Record<string, TlsStack>;

/** A client that never resumes. */
function first(lists: Lists): TlsStack {
  return { hello: hello(lists) };
}

/** A client that resumes with one extension more. */
function appended(lists: Lists): TlsStack {
  const extensions = `${lists.extensions} 0029`;
  return { hello: hello(lists), resumed: hello({ ...lists, extensions }) };
}

/** A client that resumes with pre_shared_key in exchange for session_ticket. */
function inPlace(lists: Lists): TlsStack {
  const resumed = exchanged(lists, { "0023": "" });
  return {
    hello: hello(lists),
    resumed: hello({ ...resumed, extensions: `${resumed.extensions} 0029` }),
  };
}

/** OpenSSL as Node compiles and configures it. */
function node(alpns: readonly string[]): TlsStack {
  return first({
    ...OPENSSL,
    ciphers:
      "1302 1303 1301 c02f c02b c030 c02c 009e c027 0067 c028 006b 00a3 009f cca9 cca8 ccaa c0af c0ad c0a3 c09f c05d c061 c057 c053 00a2 c0ae c0ac c0a2 c09e c05c c060 c056 c052 c024 006a c023 0040 c00a c014 0039 0038 c009 c013 0033 0032 009d c0a1 c09d c051 009c c0a0 c09c c050 003d 003c 0035 002f 00ff",
    extensions: "0000 000b 000a 0023 0010 0016 0017 000d 002b 002d 0033",
    versions: "0304 0303",
    alpns,
  });
}

/** Lists with other extensions: each by what takes its place, nothing if that is empty. */
function exchanged(
  lists: Lists,
  changes: Readonly<Record<string, string>>,
): Lists {
  const extensions = lists.extensions.split(" ").map((word) =>
    changes[word] ?? word
  ).filter((word) => word !== "").join(" ");
  return { ...lists, extensions };
}
