/** Manual pages from what each program says at `--help`. @module */
import { ensureEmpty } from "./files.ts";
import { VERSION } from "../lib/version.ts";
import { ROOT } from "./bundle.ts";
import { commandName } from "./layout.ts";
import { PROGRAMS } from "./programs.ts";
import { SHELLS } from "../ctl/completion.ts";
import { run } from "./run.ts";

/** Writes NAME.8.gz of every program to `folder`. */
export async function writeManuals(folder: string): Promise<void> {
  await ensureEmpty(folder);
  for (const { name, entry } of PROGRAMS) {
    const source = name === "web" ? "web/main.ts" : entry;
    const help = await run(Deno.execPath(), [
      "run",
      "-A",
      "--quiet",
      `${ROOT}${source}`,
      "--help",
    ], { cwd: ROOT, env: { JA4_PACKAGED: "1" } });
    await writePacked(`${folder}/${name}.8`, manual(commandName(name), help));
  }
  const module = await run(Deno.execPath(), ["task", "--quiet", "manual"], {
    cwd: ROOT,
  });
  await writePacked(`${folder}/mod_reqin_log.8`, module);
}

/** Writes the completions of ja4ctl for each shell to `folder`. */
export async function writeCompletions(folder: string): Promise<void> {
  await ensureEmpty(folder);
  for (const shell of SHELLS) {
    const script = await run(Deno.execPath(), [
      "run",
      "-A",
      "--quiet",
      `${ROOT}ctl/main.ts`,
      "completion",
      shell,
    ]);
    await Deno.writeTextFile(`${folder}/${shell}`, script);
  }
}

async function writePacked(path: string, text: string): Promise<void> {
  await Deno.writeTextFile(path, text);
  await run("gzip", ["-9", "--no-name", path]);
}

/** A page in man(7): the first line of the help is what the program does, the second how it is called. */
export function manual(command: string, help: string): string {
  const [summary = "", , usage = "", ...rest] = help.trimEnd().split("\n");
  return [
    `.TH ${command.toUpperCase()} 8 "" "ja4-platform ${VERSION}"`,
    ".SH NAME",
    `${roff(command)} \\- ${roff(summary.replace(/\.$/, ""))}`,
    ".SH SYNOPSIS",
    `.B ${roff(usage.replace(/^Usage: /, ""))}`,
    ".SH DESCRIPTION",
    ".nf",
    ...rest.map(roff),
    ".fi",
    ".SH EXIT STATUS",
    "0 done, 1 failed, 64 wrong usage, 65 bad data, 66 no input, 69 unavailable, 70 a fault of the program,",
    "77 no permission, 78 faulty configuration.",
    ".SH FILES",
    `/etc/ja4-platform/${command.replace(/^ja4-/, "")}.toml`,
    "",
  ].join("\n");
}

/** Text as man(7) prints it unchanged. */
function roff(text: string): string {
  return text
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replace(/^(?=[.'])/, "\\&");
}
