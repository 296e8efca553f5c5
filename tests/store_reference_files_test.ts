// The files that reference data comes in: read as they are published, refused where they are not what they should be.
import assert from "node:assert/strict";
import { MmdbFault, MmdbFile, type MmdbValue } from "../store/mmdb.ts";
import { prefixesOfRange, prefixOf } from "../store/prefixes.ts";
import {
  FileFault,
  readBots,
  readJa4,
  readNetworks,
  readReputation,
} from "../store/reference_files.ts";
import { writeMmdb } from "./support/mmdb.ts";

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function faultOf(read: () => unknown): string {
  try {
    read();
  } catch (thrown) {
    assert(thrown instanceof FileFault, String(thrown));
    return thrown.message;
  }
  assert.fail("it was not refused");
}

const NETWORKS: [string, MmdbValue][] = [
  ["192.0.2.0/24", {
    autonomous_system_number: 64496,
    autonomous_system_organization: "Example é Net",
  }],
  ["192.0.2.128/25", {
    autonomous_system_number: 64497,
    autonomous_system_organization: "Inner",
  }],
  ["198.51.100.7/32", {
    autonomous_system_number: 4_200_000_000,
    autonomous_system_organization: "x".repeat(400),
  }],
  ["2001:db8::/32", {
    autonomous_system_number: 64498,
    autonomous_system_organization: "Six",
  }],
];

Deno.test.each(
  [
    { recordSize: 24, ipVersion: 6, aliases: false },
    { recordSize: 24, ipVersion: 6, aliases: true },
    { recordSize: 28, ipVersion: 6, aliases: true },
    { recordSize: 32, ipVersion: 6, aliases: false },
    { recordSize: 28, ipVersion: 4, aliases: false },
  ] as const,
)(
  "readNetworks() of a MaxMind DB with records of $recordSize bits, IPv$ipVersion, aliases $aliases",
  (options) => {
    const networks = options.ipVersion === 4 ? NETWORKS.slice(0, 3) : NETWORKS;
    const { rows } = readNetworks(writeMmdb(networks, options));
    const found = rows.map(({ prefix, asn }) => `${prefix} ${asn}`);
    assert.deepEqual(found, [
      "192.0.2.0/25 64496",
      "192.0.2.128/25 64497",
      "198.51.100.7/32 4200000000",
      ...(options.ipVersion === 4 ? [] : ["2001:db8::/32 64498"]),
    ]);
    assert.equal(rows[0]?.as_org, "Example é Net");
    assert.equal(rows[2]?.as_org.length, 400);
  },
);

Deno.test.each([
  {
    name: "country",
    value: {
      country: { iso_code: "DE" },
      registered_country: { iso_code: "FR" },
    },
    want: [0, "DE", ""],
  },
  {
    name: "registered country",
    value: { registered_country: { iso_code: "FR" } },
    want: [0, "FR", ""],
  },
  {
    name: "flat country",
    value: { country_code: "CH", continent: "EU" },
    want: [0, "CH", ""],
  },
  {
    name: "flat ASN",
    value: { asn: "AS64500", as_name: "A", country: "AT" },
    want: [64500, "AT", ""],
  },
  {
    name: "hosting",
    value: { is_hosting_provider: true },
    want: [0, "", "hosting"],
  },
  {
    name: "traits",
    value: { country: { iso_code: "US" }, traits: { is_tor_exit_node: true } },
    want: [0, "US", "tor"],
  },
])(
  "readNetworks() understands the records of a $name database",
  ({ value, want }) => {
    const { rows } = readNetworks(writeMmdb([["192.0.2.0/24", value]]));
    assert.deepEqual(
      rows.map(({ asn, country, kind }) => [asn, country, kind]),
      [want],
    );
  },
);

Deno.test("MmdbFile says what is wrong with a damaged file, wherever it is cut or changed", () => {
  const whole = writeMmdb(NETWORKS, { aliases: true });
  const read = (bytes: Uint8Array): number =>
    [...new MmdbFile(bytes).networks()].length;
  assert.equal(read(whole), 4);
  let refused = 0;
  const attempt = (bytes: Uint8Array): void => {
    try {
      read(bytes);
    } catch (thrown) {
      assert(thrown instanceof MmdbFault, String(thrown));
      refused++;
    }
  };
  for (let at = 0; at < whole.length; at++) {
    attempt(whole.subarray(0, at));
    for (const value of [0x00, 0xff, 0x20, (whole[at] ?? 0) ^ 0x40]) {
      const bytes = whole.slice();
      bytes[at] = value;
      attempt(bytes);
    }
  }
  assert(refused > whole.length, `${refused} refusals`);
});

Deno.test("MmdbFile survives a record that points to itself", () => {
  // An array of 28 elements, each a pointer to the array: 28^16 values, if it were let.
  const bytes = writeMmdb([["192.0.2.0/24", Array(28).fill("aa")]]);
  const start = bytes.findIndex((byte, i) => byte === 28 && bytes[i + 1] === 4);
  for (let i = 0; i < 28; i++) bytes.set([0x20, 0x00], start + 2 + i * 2);
  assert.throws(() => [...new MmdbFile(bytes).networks()], MmdbFault);
});

Deno.test.each([
  {
    name: "IPtoASN",
    text:
      '1.0.0.0\t1.0.0.255\t13335\tUS\tCLOUDFLARENET\n1.0.1.0\t1.0.3.255\t0\tNone\tNot routed\n2001:db8::\t2001:db8::ffff\t64500\tDE\tSix, "quoted"\n',
    want: [
      "1.0.0.0/24 13335 CLOUDFLARENET US",
      '2001:db8::/112 64500 Six, "quoted" DE',
    ],
  },
  {
    name: "DB-IP country Lite",
    text:
      '1.0.0.0,1.0.0.255,AU\n1.0.1.0,1.0.3.255,"CN"\n2001:db8::,2001:db8:0:ffff:ffff:ffff:ffff:ffff,DE\n',
    want: [
      "1.0.0.0/24 0  AU",
      "1.0.1.0/24 0  CN",
      "1.0.2.0/23 0  CN",
      "2001:db8::/48 0  DE",
    ],
  },
  {
    name: "DB-IP ASN Lite",
    text: '1.0.0.0,1.0.0.255,13335,"Cloudflare, Inc."\n',
    want: ["1.0.0.0/24 13335 Cloudflare, Inc. "],
  },
  {
    name: "MaxMind's CSV",
    text:
      'network,autonomous_system_number,autonomous_system_organization\n1.0.0.0/24,13335,"CLOUDFLARENET"\n',
    want: ["1.0.0.0/24 13335 CLOUDFLARENET "],
  },
  {
    name: "our own TSV",
    text:
      "# comment\nprefix\tasn\tas_org\tcountry\tkind\n1.0.0.0/24\t13335\tCF\tUS\thosting\n",
    want: ["1.0.0.0/24 13335 CF US"],
  },
])("readNetworks() of $name", ({ text, want }) => {
  const { rows } = readNetworks(encode(text));
  assert.deepEqual(
    rows.map(({ prefix, asn, as_org, country }) =>
      `${prefix} ${asn} ${as_org} ${country}`
    ),
    want,
  );
});

Deno.test.each([
  {
    name: "lines",
    text:
      "# a list\n192.0.2.7\n198.51.100.0/24 ; SBL1\n2001:db8::/48 # note\n\n203.0.113.0-203.0.113.3\n",
    want: [
      "192.0.2.7/32",
      "198.51.100.0/24",
      "2001:db8::/48",
      "203.0.113.0/30",
    ],
  },
  {
    name: "JSON lines",
    text:
      '{"cidr":"192.0.2.0/24","sblid":"SBL1"}\n{"type":"metadata","timestamp":1}\n',
    want: ["192.0.2.0/24"],
  },
  {
    name: "bits behind the prefix",
    text: "192.0.2.7/24\n",
    want: ["192.0.2.0/24"],
  },
])("readReputation() of $name", ({ text, want }) => {
  const { rows } = readReputation(encode(text), 90);
  assert.deepEqual(rows, want.map((prefix) => ({ prefix, score: 90 })));
});

Deno.test("readReputation() takes a score a line from our own TSV", () => {
  const { rows } = readReputation(encode("prefix\tscore\n192.0.2.7\t30\n"), 90);
  assert.deepEqual(rows, [{ prefix: "192.0.2.7/32", score: 30 }]);
});

Deno.test("readBots() finds the prefixes in what operators publish", () => {
  const bot = { name: "Googlebot", operator: "Google", ua_token: "Googlebot" };
  const google = {
    creationTime: "2026-11-20T15:00:00.000000",
    prefixes: [
      { ipv6Prefix: "2001:4860:4801:10::/64" },
      { ipv4Prefix: "66.249.64.0/27" },
    ],
  };
  const { rows } = readBots(encode(JSON.stringify(google)), bot);
  assert.deepEqual(rows, [
    { prefix: "2001:4860:4801:10::/64", ...bot },
    { prefix: "66.249.64.0/27", ...bot },
  ]);
  const plain = readBots(encode("216.144.248.16/28\n216.144.249.1\n"), bot);
  assert.equal(plain.rows.length, 2);
});

Deno.test("readJa4() takes the column ja4 and leaves all others of the mapping alone", () => {
  const text =
    "Application,Library,Device,OS,user_agent_string,certificate_authority,observation_count,verified,notes,ja4,ja4_x\n" +
    "Chromium Browser,,,,,,,,,t13d1516h2_8daaf6152771_02713d6af862,a_value_of_another_licence\n" +
    "Something,,,,,,,,,,another\n";
  assert.deepEqual(readJa4(encode(text)).rows, [{
    ja4: "t13d1516h2_8daaf6152771_02713d6af862",
    client: "chromium",
    label: "Chromium Browser",
    kind: "",
    resumed: false,
    origin: "published",
  }]);
});

const bot = { name: "b", operator: "o", ua_token: "t" };
Deno.test.each([
  {
    name: "a page instead of a list",
    read: () => readReputation(encode("<html><body>\nGone\n</body></html>"), 1),
    want: /lines are not understood/,
  },
  {
    name: "an empty list",
    read: () => readReputation(encode("# nothing\n"), 1),
    want: /empty/,
  },
  {
    name: "everybody",
    read: () => readReputation(encode("0.0.0.0/0\n"), 1),
    want: /lists 0\.0\.0\.0\/0/,
  },
  {
    name: "everybody, as a range",
    read: () => readReputation(encode("0.0.0.0-255.255.255.255\n"), 1),
    want: /too much/,
  },
  {
    name: "a bot everywhere",
    read: () => readBots(encode('{"prefixes":[{"ipv6Prefix":"::/0"}]}'), bot),
    want: /lists ::\/0/,
  },
  {
    name: "JSON without networks",
    read: () => readBots(encode('{"error":"moved"}'), bot),
    want: /holds no networks/,
  },
  {
    name: "cut JSON",
    read: () => readBots(encode('{"prefixes":[{"ipv4Prefix":"66.24'), bot),
    want: /not JSON/,
  },
  {
    name: "text instead of networks",
    read: () => readNetworks(encode("hello\nworld\n")),
    want: /neither a MaxMind DB/,
  },
  {
    name: "two odd lines in ten",
    read: () =>
      readNetworks(encode(`prefix\n${"1.0.0.0/24\n".repeat(8)}x\ny\n`)),
    want: /2 of its 10 lines/,
  },
  {
    name: "a table without ja4",
    read: () => readJa4(encode("a,b\n1,2\n")),
    want: /no column "ja4"/,
  },
])("$name is refused", ({ read, want }) => assert.match(faultOf(read), want));

Deno.test("prefixOf() and prefixesOfRange() agree with counting", () => {
  assert.equal(prefixOf("::ffff:192.0.2.1"), "192.0.2.1/32");
  assert.equal(prefixOf("2001:DB8::1/32"), "2001:db8::/32");
  for (
    const text of [
      "",
      "x",
      "1.2.3.4/33",
      "1.2.3/8",
      "::/129",
      "1.2.3.4/",
      "1.2.3.4/-1",
      "2026-11-20",
    ]
  ) {
    assert.equal(prefixOf(text), undefined, text);
  }
  assert.deepEqual(prefixesOfRange("0.0.0.0", "255.255.255.255"), [
    "0.0.0.0/0",
  ]);
  assert.deepEqual(
    prefixesOfRange("::1:0:0:0", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")
      ?.length,
    80,
  );
  assert.equal(prefixesOfRange("1.0.0.1", "1.0.0.0"), undefined);
  assert.equal(prefixesOfRange("1.0.0.1", "2001:db8::"), undefined);
  // Every range within a /27: the sizes add up, and the blocks follow each other.
  for (let from = 0; from < 32; from++) {
    for (let to = from; to < 32; to++) {
      const prefixes = prefixesOfRange(`192.0.2.${from}`, `192.0.2.${to}`) ??
        [];
      let next = from;
      for (const prefix of prefixes) {
        const [, last = "", bits = ""] = /\.(\d+)\/(\d+)$/.exec(prefix) ?? [];
        assert.equal(Number(last), next, `${from}-${to}`);
        next += 2 ** (32 - Number(bits));
      }
      assert.equal(next, to + 1, `${from}-${to}`);
    }
  }
});
