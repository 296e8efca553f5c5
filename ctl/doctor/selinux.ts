/** What SELinux refuses the platform and those who send to it; nothing where it is off. @module */
import { globSync } from "node:fs";
import { failure, type Finding, ok, type Patient, warning } from "./finding.ts";

/** Whether it is there, and enforcing: 1 or 0 (selinux(8)). */
const ENFORCE = "/sys/fs/selinux/enforce";
const AUDIT_LOG = "/var/log/audit/audit.log";
/** Where the policy module of ja4-platform-selinux is, once it is installed. */
const POLICY = "/var/lib/selinux/*/active/modules/*/ja4_platform";

/** Bytes looked at from the end of the log. */
const TAIL_BYTES = 4 * 2 ** 20;
/** Older denials are of a state that has passed. */
const RECENT_MS = 24 * 3_600_000;

/** One refusal, as auditd(8) logs it: type=AVC. */
export interface Denial {
  readonly atMs: number;
  /** What was to be done, such as `write`. */
  readonly action: string;
  /** Name of the program that was refused. */
  readonly program: string;
  /** Its type, such as `httpd_t`. */
  readonly source: string;
  /** File, socket or whatever it was, as far as it is said. */
  readonly object: string;
  /** Type of the object. */
  readonly target: string;
  /** Only noted: SELinux let it pass. */
  readonly permissive: boolean;
}

/** Findings on SELinux. */
export async function examineSelinux(
  { now }: Pick<Patient, "now">,
): Promise<Finding[]> {
  const mode = await Deno.readTextFile(ENFORCE).catch(() => undefined);
  if (mode === undefined) return [];
  const what = "SELinux";
  const enforcing = mode.trim() === "1";
  const log = await readTail(AUDIT_LOG);
  if (log === undefined) {
    return [
      warning(
        what,
        `it is on, and "${AUDIT_LOG}" cannot be read`,
        "run as root; see ausearch -m avc -ts recent",
      ),
    ];
  }
  const denials = denialsOf(log).filter((denial) =>
    now() - denial.atMs < RECENT_MS
  );
  if (denials.length > 0) return describe(denials);
  const shown = enforcing ? "enforcing" : "permissive";
  return globSync(POLICY).length > 0 || !enforcing
    ? [ok(what, `${shown}, nothing of ours was denied in the last day`)]
    : [warning(
      what,
      "enforcing, without the policy of ja4-platform",
      "where httpd sends its events: dnf install ja4-platform-selinux",
    )];
}

/** One finding for each that is refused the same again and again. */
function describe(denials: readonly Denial[]): Finding[] {
  const alike = Map.groupBy(
    denials,
    ({ program, action, object, source, target, permissive }) =>
      [program, action, object, source, target, permissive].join("\0"),
  );
  return [...alike.values()].flatMap((same) => {
    const last = same.at(-1);
    if (last === undefined) return [];
    const { program, source, action, object, target, permissive, atMs } = last;
    const at = new Date(atMs).toISOString().slice(0, 19);
    const detail =
      `${program} (${source}) may not ${action} ${object} (${target}): ${same.length} times, last at ${at}Z${
        permissive ? ", let pass while permissive" : ""
      }`;
    const remedy = target === "ja4_run_t" || /^ja4_/.test(source)
      ? "see ausearch -m avc -ts recent, and audit2allow for a rule of your own"
      : "dnf install ja4-platform-selinux, then restorecon -R /run/ja4";
    return [
      permissive
        ? warning("SELinux", detail, remedy)
        : failure("SELinux", detail, remedy),
    ];
  });
}

/** Denials of a log that concern the platform: its types, its programs, its sockets. */
export function denialsOf(log: string): Denial[] {
  return log.split("\n").flatMap((line) => {
    const denial = parseDenial(line);
    return denial === undefined ? [] : [denial];
  });
}

function parseDenial(line: string): Denial | undefined {
  const [, seconds, actions] =
    /^type=AVC msg=audit\((\d+\.\d+):\d+\): +avc: +denied +\{ ([^}]*) \}/
      .exec(line) ?? [];
  if (seconds === undefined || actions === undefined) return undefined;
  const field = (name: string): string => {
    const [, quoted, plain = ""] = new RegExp(` ${name}=(?:"([^"]*)"|(\\S+))`)
      .exec(line) ?? [];
    return quoted ?? unhex(plain);
  };
  const typeOf = (context: string): string => context.split(":")[2] ?? context;
  const denial: Denial = {
    atMs: Number(seconds) * 1000,
    action: actions.trim(),
    program: field("comm"),
    source: typeOf(field("scontext")),
    object: field("path") || field("name") || field("tclass"),
    target: typeOf(field("tcontext")),
    permissive: field("permissive") === "1",
  };
  const { program, source, object, target } = denial;
  const ours = [source, target].some((type) => type.startsWith("ja4_")) ||
    /^(ja4|deno$)/.test(program) ||
    /^\/(run|var\/lib|usr\/(share|libexec))\/ja4/.test(object) ||
    /^(http|network)\.socket$/.test(object);
  return ours ? denial : undefined;
}

/** A text with a character beyond plain ones is logged in hexadecimal, without quotes. */
function unhex(text: string): string {
  if (!/^([0-9A-F]{2}){2,}$/.test(text) || /^\d+$/.test(text)) return text;
  return new TextDecoder().decode(Uint8Array.fromHex(text));
}

/** The end of a file, from a line's beginning; undefined where it cannot be read. */
async function readTail(path: string): Promise<string | undefined> {
  try {
    using file = await Deno.open(path);
    const { size } = await file.stat();
    const skipped = Math.max(0, size - TAIL_BYTES);
    await file.seek(skipped, Deno.SeekMode.Start);
    const text = await new Response(file.readable).text();
    return skipped === 0 ? text : text.slice(text.indexOf("\n") + 1);
  } catch (thrown) {
    if (
      thrown instanceof Deno.errors.NotFound ||
      thrown instanceof Deno.errors.PermissionDenied ||
      thrown instanceof Deno.errors.NotCapable
    ) return undefined;
    throw thrown;
  }
}
