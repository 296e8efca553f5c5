import assert from "node:assert/strict";
import { setKey } from "./toml_edit.ts";

const FILE = `# ja4-capture

[capture]
# The interface.
interface = "any" # all
# exclude =

[log]
level = "info"
`;

Deno.test("setKey() replaces a key where it stands", () => {
  assert.equal(
    setKey(FILE, "capture", "interface", "eth0"),
    FILE.replace('interface = "any" # all', 'interface = "eth0"'),
  );
});

Deno.test("setKey() takes the place of a commented key", () => {
  assert.equal(
    setKey(FILE, "capture", "exclude", ["10.0.0.0/8"]),
    FILE.replace("# exclude =", 'exclude = ["10.0.0.0/8"]'),
  );
});

Deno.test("setKey() adds a key to its section, not to another", () => {
  assert.equal(
    setKey(FILE, "capture", "level", 3),
    FILE.replace("[capture]\n", "[capture]\nlevel = 3\n"),
  );
});

Deno.test("setKey() adds a section at the end, or to an empty file", () => {
  assert.equal(
    setKey(FILE, "web", "listen", "127.0.0.1:80"),
    `${FILE}\n[web]\nlisten = "127.0.0.1:80"\n`,
  );
  assert.equal(setKey("", "web", "rows", 7), "[web]\nrows = 7\n");
});

Deno.test("setKey() keeps a value with quotes a value", () => {
  assert.match(setKey("", "a", "b", 'x"\ny'), /^b = "x\\"\\ny"$/m);
});
