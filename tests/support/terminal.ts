/** A program at a terminal: what a person answers to its questions. @module */

/** A question, as far as it is waited for, and the answer; Enter is pressed behind it. */
export type Answer = readonly [question: string, answer: string];

export const CTRL_C = "\u0003";

/** Waits for each question before it types, as people do: what is typed before is thrown away. */
const TYPIST = `
import json, os, pty, sys
child, terminal = pty.fork()
if child == 0:
    os.execvp('sh', ['sh', '-c', sys.argv[1]])
seen = ''
def read():
    try:
        return os.read(terminal, 65536).decode(errors='replace')
    except OSError:
        return ''
for question, answer in json.loads(sys.argv[2]):
    at = len(seen)
    while question not in seen[at:]:
        text = read()
        if text == '':
            break
        seen += text
    os.write(terminal, (answer if answer == chr(3) else answer + chr(10)).encode())
while True:
    text = read()
    if text == '':
        break
    seen += text
sys.stdout.write(seen.replace(chr(13), ''))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))`;

/** A line of shell that runs `command` at a terminal of its own, and prints what that showed. */
export function atTerminal(
  command: string,
  answers: readonly Answer[],
): string {
  return ["python3", "-c", TYPIST, command, JSON.stringify(answers)]
    .map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
}
