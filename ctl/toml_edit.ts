/** Changes a key of a TOML file and leaves every other line as a person wrote it. @module */

/**
 * Sets `[section] key` to a value. An existing line is replaced, a commented one (`# key = ...`) is
 * taken as its place, and what is missing is added.
 */
export function setKey(
  text: string,
  section: string,
  key: string,
  value: string | number | boolean | readonly (string | number)[],
): string {
  const line = `${key} = ${JSON.stringify(value)}`;
  const lines = text.replace(/\n$/, "").split("\n");
  const header = lines.findIndex((each) => each.trim() === `[${section}]`);
  if (header === -1) {
    const gap = lines.length === 1 && lines[0] === "" ? [] : [...lines, ""];
    return [...gap, `[${section}]`, line, ""].join("\n");
  }
  const next = lines.findIndex((each, index) =>
    index > header && /^\s*\[/.test(each)
  );
  const end = next === -1 ? lines.length : next;
  const find = (pattern: RegExp): number =>
    lines.findIndex((each, index) =>
      index > header && index < end && pattern.test(each)
    );
  const set = find(new RegExp(`^\\s*${key}\\s*=`));
  const commented = find(new RegExp(`^\\s*#\\s*${key}\\s*=`));
  const place = set === -1 ? commented : set;
  if (place === -1) lines.splice(header + 1, 0, line);
  else lines[place] = line;
  return lines.join("\n") + "\n";
}
