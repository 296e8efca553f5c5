/** `ja4ctl completion SHELL`. @module */
import { EXIT, FatalError } from "../../lib/errors.ts";
import { type Command, print } from "../command.ts";
import { completionFor, SHELLS } from "../completion.ts";

/** The command over a table of commands, to which it belongs itself. */
export function createCompletion(commands: () => readonly Command[]): Command {
  return {
    name: "completion",
    usage: SHELLS.join(" | "),
    summary: "the shell's completions of this command, on stdout",
    run(_context, [name, ...rest]) {
      const shell = SHELLS.find((shell) => shell === name);
      if (shell === undefined || rest.length > 0) {
        throw new FatalError(
          "usage",
          `Expected one of ${SHELLS.join(", ")}\nTry --help`,
        );
      }
      print(completionFor(shell, commands()).trimEnd());
      return Promise.resolve(EXIT.ok);
    },
  };
}
