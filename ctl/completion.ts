/** Completions for shells, made from the table of the commands. @module */

/** What is completed of a command. */
export interface Completed {
  readonly name: string;
  readonly usage: string;
  readonly summary: string;
  readonly options?: Readonly<Record<string, { readonly type: string }>>;
}

/** Shells that completions are made for. */
export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = typeof SHELLS[number];

/** Options of every command. */
const COMMON = ["config", "help", "version"];

/** The script for a shell. */
export function completionFor(
  shell: Shell,
  commands: readonly Completed[],
): string {
  switch (shell) {
    case "bash":
      return bash(commands);
    case "zsh":
      return zsh(commands);
    case "fish":
      return fish(commands);
  }
}

/** Words that may follow a command: those of its usage in lower case, `up | down VERSION`. */
function verbsOf({ usage }: Completed): string[] {
  return usage.split("|").map((part) => part.trim().split(/\s+/)[0] ?? "")
    .filter((word) => /^[a-z][a-z0-9]*$/.test(word));
}

function optionsOf({ options = {} }: Completed): string[] {
  return Object.keys(options).map((name) => `--${name}`);
}

function bash(commands: readonly Completed[]): string {
  const names = commands.map(({ name }) => name).join(" ");
  const cases = commands.map((command) =>
    `    ${command.name}) words="${
      [...verbsOf(command), ...optionsOf(command)].join(" ")
    }" ;;`
  );
  return `# bash completion of ja4ctl; made from its table of commands
_ja4ctl() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} command= word words
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $word in -*) ;; *) command=$word; break ;; esac
  done
  if [[ $previous == --config || $previous == -c ]]; then
    mapfile -t COMPREPLY < <(compgen -f -- "$current")
    return
  fi
  case $command in
${cases.join("\n")}
    *) words="${names}" ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words ${
    COMMON.map((name) => `--${name}`).join(" ")
  }" -- "$current")
}
complete -F _ja4ctl ja4ctl
`;
}

/** Text between single quotes of a shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function zsh(commands: readonly Completed[]): string {
  const cases = commands.map((command) => {
    const verbs = verbsOf(command);
    const lines = [
      ...optionsOf(command).map((option) => `      '${option}'`),
      ...verbs.length === 0 ? [] : [`      ':what:(${verbs.join(" ")})'`],
    ];
    return `    ${command.name})\n      _arguments ${
      lines.length === 0
        ? "\\\n      "
        : `\\\n${lines.join(" \\\n")} \\\n      `
    }'*:file:_files' ;;`;
  });
  return `#compdef ja4ctl
# zsh completion of ja4ctl; made from its table of commands
_ja4ctl() {
  local -a commands
  commands=(
${
    commands.map(({ name, summary }) =>
      `    ${quoted(`${name}:${summary.replaceAll(":", "\\:")}`)}`
    ).join("\n")
  }
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  case $words[2] in
${cases.join("\n")}
  esac
}
_ja4ctl "$@"
`;
}

function fish(commands: readonly Completed[]): string {
  const none = "__fish_use_subcommand";
  const lines = commands.flatMap((command) => {
    const seen = `__fish_seen_subcommand_from ${command.name}`;
    return [
      `complete -c ja4ctl -f -n ${none} -a ${command.name} -d ${
        quoted(command.summary)
      }`,
      ...verbsOf(command).map((verb) =>
        `complete -c ja4ctl -f -n ${quoted(seen)} -a ${verb}`
      ),
      ...Object.entries(command.options ?? {}).map(([name, { type }]) =>
        `complete -c ja4ctl -n ${quoted(seen)} -l ${name}${
          type === "string" ? " -r" : ""
        }`
      ),
    ];
  });
  return `# fish completion of ja4ctl; made from its table of commands
${lines.join("\n")}
complete -c ja4ctl -l config -r
complete -c ja4ctl -l help
complete -c ja4ctl -l version
`;
}
