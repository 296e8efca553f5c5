/**
 * What the embedded server is told: its two configuration files and its command line, made from
 * our settings. Pure; store/serve.ts writes and runs them.
 *
 * Why each setting is there stands beside it. Users exist in the file alone: the embedded server
 * has no writable access storage, so CREATE USER and the like are refused by construction.
 *
 * @module
 */

import { splitAddress } from "../lib/config.ts";

/** The one database of the embedded server. */
export const DATABASE = "ja4";

/** Users with a password; `default`, without one, is the engine's own console. */
export const USERS = ["ja4", "web", "app"] as const;
export type User = typeof USERS[number];

/** Tables that the user `app` may write: what people do in the dashboard, nothing else. */
export const APP_TABLES = [
  "app_users",
  "app_sessions",
  "app_tokens",
  "saved_views",
  "audit_log",
  "triage_events",
  "list_entries",
  "triage_rules",
] as const;

/** Tables with password hashes and token digests, which the read-only user `web` may not read. */
export const SECRET_TABLES = [
  "app_users",
  "app_sessions",
  "app_tokens",
] as const;

/** Databases that backups are read back into, to prove that they can be; see store/backup.ts. */
export const CHECK_DATABASE = `${DATABASE}_check`;

/** Name of the storage policy with a second, slower volume for old rows. */
export const TIERED_POLICY = "tiered";

/** Settings of the server. */
export interface ServerSettings {
  readonly hostname: string;
  readonly port: number;
  /** Absolute path of the store; data, config and secrets are folders in it. */
  readonly dir: string;
  /** Absolute path of the folder for rows that have become old; none without it. */
  readonly coldDir?: string | undefined;
  /** Bytes that all queries together, and each one alone, may use. */
  readonly memoryBytes: number;
  readonly queryMemoryBytes: number;
  /** Bytes of the disk that inserts and merges leave free. */
  readonly keepFreeBytes: number;
  /** Hex SHA-256 of the password of each user. */
  readonly passwordSha256: Readonly<Record<User, string>>;
  /** The servers that this one is a shard beside. */
  readonly cluster?: ClusterSettings | undefined;
}

/** Embedded servers that share the rows by address; each one answers for all. */
export interface ClusterSettings {
  readonly name: string;
  /** `address:port` of the native protocol, which the shards speak to each other; the address is the server's. */
  readonly listen: string;
  /** `host:port` of each shard, the same list on each of them. */
  readonly shards: readonly string[];
  /** What the shards know each other by. */
  readonly secret: string;
}

/** Values that the start-up check reads back from the running server. */
export const PROFILE: Readonly<Record<string, string>> = {
  // The local default changes the grammar for every client.
  implicit_select: "0",
  // A dashboard query whose browser went away must not run on.
  cancel_http_readonly_queries_on_client_close: "1",
  // On loopback compression costs more than it saves: 270 MB/s fall to 48.
  enable_http_compression: "0",
  // The embedded server has no queue: each insert would be stored alone without saying so.
  async_insert: "0",
  max_concurrent_queries_for_user: "64",
};

/**
 * Limits of each query of the read-only user, who asks what people at the dashboard want to know.
 * A query may set lower ones for itself, and higher ones: they guard against mistakes, the
 * server's own memory limit against everything.
 */
export const READER_LIMITS: Readonly<Record<string, string>> = {
  max_execution_time: "60",
  max_result_rows: "1000000",
  max_result_bytes: "1000000000",
  result_overflow_mode: "throw",
  max_rows_to_read: "2000000000",
  read_overflow_mode: "throw",
};

/** config.xml. */
export function configXml(settings: ServerSettings): string {
  const { dir, coldDir, cluster } = settings;
  return `<?xml version="1.0"?>
<!-- Written at each start by "deno task store"; changes are lost. -->
<clickhouse>
  <logger>
    <console>0</console>
    <console_log_level>none</console_log_level>
    <size>10M</size>
    <count>3</count>
  </logger>
  <users_config>${xml(dir)}/config/users.xml</users_config>
  <max_server_memory_usage>${settings.memoryBytes}</max_server_memory_usage>
  <!-- The limit is for this process: its control group may be shared with others, whose memory is not ours. -->
  <memory_worker_use_cgroup>false</memory_worker_use_cgroup>
  <max_connections>256</max_connections>
  <keep_alive_timeout>30</keep_alive_timeout>
  <!-- BACKUP and RESTORE may use files below this folder alone. -->
  <backups>
    <allowed_path>${xml(dir)}/backups/</allowed_path>
  </backups>
  <storage_configuration>
    <disks>
      <default>
        <keep_free_space_bytes>${settings.keepFreeBytes}</keep_free_space_bytes>
      </default>${coldDir === undefined ? "" : coldDisk(coldDir)}
    </disks>${coldDir === undefined ? "" : tieredPolicy()}
  </storage_configuration>${cluster === undefined ? "" : clusterXml(cluster)}
  <query_log>
    <database>system</database>
    <table>query_log</table>
    <partition_by>toYYYYMMDD(event_date)</partition_by>
    <ttl>event_date + INTERVAL 7 DAY DELETE</ttl>
  </query_log>
</clickhouse>
`;
}

function coldDisk(path: string): string {
  return `
      <cold>
        <path>${xml(path)}/</path>
      </cold>`;
}

function tieredPolicy(): string {
  return `
    <policies>
      <${TIERED_POLICY}>
        <volumes>
          <hot><disk>default</disk></hot>
          <cold><disk>cold</disk></cold>
        </volumes>
      </${TIERED_POLICY}>
    </policies>`;
}

/** The shards know each other by a secret, and run what one of them is asked as who asked it. */
function clusterXml({ name, shards, secret }: ClusterSettings): string {
  const list = shards.map((address) => {
    const colon = address.lastIndexOf(":");
    return `
      <shard>
        <replica>
          <host>${xml(address.slice(0, colon).replace(/^\[|\]$/g, ""))}</host>
          <port>${xml(address.slice(colon + 1))}</port>
          <default_database>${DATABASE}</default_database>
        </replica>
      </shard>`;
  });
  return `
  <remote_servers>
    <${name}>
      <secret>${xml(secret)}</secret>${list.join("")}
    </${name}>
  </remote_servers>`;
}

/** users.xml: each user with the rights it needs and no more. */
export function usersXml(settings: ServerSettings): string {
  const { passwordSha256 } = settings;
  const profile = Object.entries({
    ...PROFILE,
    max_memory_usage: settings.queryMemoryBytes,
  }).map(([name, value]) => `      <${name}>${value}</${name}>`).join("\n");
  const user = (name: User, profile: string, grants: string[]): string => `
    <${name}>
      <password_sha256_hex>${passwordSha256[name]}</password_sha256_hex>
      <networks>${networks(settings.hostname)}</networks>
      <profile>${profile}</profile>
      <quota>default</quota>
      <grants>
${grants.map((grant) => `        <query>${grant}</query>`).join("\n")}
      </grants>
    </${name}>`;
  return `<?xml version="1.0"?>
<!-- Written at each start by "deno task store"; changes are lost. -->
<clickhouse>
  <profiles>
    <default>
${profile}
    </default>
    <console>
      <max_sessions_for_user>1</max_sessions_for_user>
    </console>
    <reader>
      <readonly>2</readonly>
${
    Object.entries(READER_LIMITS).map(([name, value]) =>
      `      <${name}>${value}</${name}>`
    ).join("\n")
  }
    </reader>
  </profiles>
  <users>
    <!-- The engine's console logs in so, from ::1 and without a password; the server listens on IPv4 alone. -->
    <default>
      <password></password>
      <networks><ip>::1</ip></networks>
      <profile>console</profile>
      <quota>default</quota>
      <grants><query>GRANT SYSTEM LISTEN ON *.*</query></grants>
    </default>${
    user("ja4", "default", [
      `GRANT SHOW, SELECT, INSERT, ALTER, CREATE DATABASE, CREATE TABLE, CREATE VIEW, CREATE DICTIONARY, DROP, TRUNCATE, OPTIMIZE, CHECK, BACKUP, dictGet ON ${DATABASE}.*`,
      `GRANT SELECT, INSERT, CREATE DATABASE, CREATE TABLE, DROP ON ${CHECK_DATABASE}.*`,
      "GRANT SELECT ON system.*",
      // Distributed tables, and what a backup is written to.
      "GRANT CLUSTER, REMOTE ON *.*",
      "GRANT TABLE ENGINE ON *",
      "GRANT SYSTEM FLUSH LOGS, SYSTEM RELOAD DICTIONARY ON *.*",
    ])
  }${
    user("web", "reader", [
      `GRANT SELECT, dictGet ON ${DATABASE}.*`,
      ...SECRET_TABLES.map((table) => `REVOKE SELECT ON ${DATABASE}.${table}`),
    ])
  }${
    user("app", "default", [
      `GRANT SELECT ON ${DATABASE}.*`,
      ...APP_TABLES.map((table) => `GRANT INSERT ON ${DATABASE}.${table}`),
    ])
  }
  </users>
  <quotas><default></default></quotas>
</clickhouse>
`;
}

/** Text as the content of an element. */
function xml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}

/** Who may connect: this host where the server listens on loopback, else whoever has a password. */
function networks(hostname: string): string {
  return hostname.startsWith("127.") ? "<ip>127.0.0.1</ip>" : "<ip>::/0</ip>";
}

/** The command line of clickhouse-local; `argv[0]` chooses that program. */
export function commandLine(settings: ServerSettings): string[] {
  return [
    "clickhouse",
    `--config-file=${settings.dir}/config/config.xml`,
    `--path=${settings.dir}/data`,
    `--http_port=${settings.port}`,
    ...(settings.cluster === undefined
      ? []
      : [`--tcp_port=${splitAddress(settings.cluster.listen).port}`]),
    `--listen_host=${settings.hostname}`,
    // At warning level the scheduler alone writes 20,000 lines in minutes.
    "--log-level=error",
    `--logger.log=${settings.dir}/log/engine.log`,
    "--interactive",
    "--progress=off",
    "--disable_suggestion",
    "--history_file=/dev/null",
    "--query",
    settings.cluster === undefined
      ? "SYSTEM START LISTEN HTTP"
      : "SYSTEM START LISTEN HTTP; SYSTEM START LISTEN TCP",
  ];
}
