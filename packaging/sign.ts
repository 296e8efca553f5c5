/** Signatures of the packages. @module */
import { run } from "./run.ts";

/**
 * Signs packages in place with a key of gpg's, by its id or address.
 *
 * `rpm --addsign` says nothing and signs nothing on Debian; `rpmsign` does it, and what it did is
 * looked at.
 *
 * @throws {FatalError} `software` with what rpmsign says.
 */
export async function signRpms(
  packages: readonly string[],
  key: string,
): Promise<void> {
  await run("rpmsign", [
    "--define",
    // Debian's rpm looks for it where el8 has it.
    "__gpg /usr/bin/gpg",
    "--define",
    `_gpg_name ${key}`,
    "--addsign",
    ...packages,
  ]);
}

/** Whether a package has a signature, whoever's it is. */
export async function isSigned(path: string): Promise<boolean> {
  const text = await run("rpm", [
    "-qp",
    "--nosignature",
    "--queryformat",
    "%{RSAHEADER:pgpsig}%{DSAHEADER:pgpsig}",
    path,
  ]);
  return text.includes("Key ID");
}
