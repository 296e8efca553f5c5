/** `ja4ctl doctor`. @module */
import { EXIT, FatalError } from "../../lib/errors.ts";
import { printable } from "../../lib/text.ts";
import { type Command, print } from "../command.ts";
import { lackingGrants } from "./grants.ts";
import { examine, type Finding } from "../doctor.ts";

export const doctor: Command = {
  name: "doctor",
  usage: "",
  summary: "what is in order and what is not; exit code 1 on a failure",
  options: { json: { type: "boolean" } },
  optionHelp: [["--json", "findings as JSON lines"]],
  async run({ config, configs, open }, args, options) {
    if (args.length > 0) {
      throw new FatalError("usage", "doctor takes no arguments\nTry --help");
    }
    const findings = await examine({
      configs,
      schema: config.clickhouse.database,
      openDatabase: () => open("clickhouse"),
    });
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

function notGranted(part: string, lacking: readonly string[]): Finding {
  return {
    level: "failure",
    what: `permissions of ${part}`,
    detail: `its configuration names ${
      lacking.join(", ")
    }; run ja4ctl grants, then restart it`,
  };
}

function line({ level, what, detail }: Finding): string {
  const mark = { ok: "ok  ", warning: "warn", failure: "FAIL" }[level];
  return printable(`${mark}  ${what}: ${detail}`);
}
