/** `ja4ctl doctor`. @module */
import { databaseSection } from "../database_section.ts";
import { EXIT, FatalError } from "../../lib/errors.ts";
import { printable } from "../../lib/text.ts";
import { type Command, print } from "../command.ts";
import type { PartName } from "../parts.ts";
import { examine } from "../doctor.ts";
import { explained, failure, type Finding } from "../doctor/finding.ts";
import { examineProcesses, examineUnits } from "../doctor/parts.ts";
import { runPart } from "../part_program.ts";
import { lackingGrants } from "./grants.ts";

export const doctor: Command = {
  name: "doctor",
  usage: "",
  summary: "what is in order and what is not; exit code 1 on a failure",
  options: { json: { type: "boolean" } },
  optionHelp: [[
    "--json",
    "findings as JSON lines: level, what, detail, remedy",
  ]],
  async run({ config, configs, open }, args, options) {
    if (args.length > 0) {
      throw new FatalError("usage", "doctor takes no arguments\nTry --help");
    }
    const findings = await examine({
      configs,
      schema: config.clickhouse.database,
      openDatabase: () => open("clickhouse"),
      openAs: (part, section) => databaseSection(configs, part, section),
      configFault: async (part) => {
        const ended = await runPart(part, ["--check-config"], configs[part]);
        return ended.code === 0
          ? undefined
          : ended.stderr.trim().replaceAll(/^ja4-\w+: /gm, "")
            .replaceAll("\n", "; ");
      },
      userOf: unitUser,
      now: Date.now,
    });
    findings.push(...await examineProcesses(), ...await examineUnits());
    for (const [part, lacking] of await lackingGrants({ config, configs })) {
      if (lacking.length > 0) findings.push(notGranted(part, lacking));
    }
    for (const finding of findings) {
      print(options["json"] === true ? JSON.stringify(finding) : line(finding));
    }
    const failed = findings.some(({ level }) => level === "failure");
    return failed ? EXIT.failed : EXIT.ok;
  },
};

/** The user that a part's unit names; undefined where it is not packaged. */
async function unitUser(part: PartName): Promise<string | undefined> {
  const unit = await Deno.readTextFile(
    `/usr/lib/systemd/system/ja4-${part}.service`,
  ).catch(() => "");
  return /^User=(.*)$/m.exec(unit)?.[1];
}

function notGranted(part: string, lacking: readonly string[]): Finding {
  return failure(
    `permissions of ${part}`,
    `its configuration names ${lacking.join(", ")}`,
    "run ja4ctl grants, then restart it",
  );
}

function line(finding: Finding): string {
  const mark = { ok: "ok  ", warning: "warn", failure: "FAIL" }[finding.level];
  return printable(`${mark}  ${finding.what}: ${explained(finding)}`);
}
