/**
 * Looks at a host and says what is in order and what is not, each with what to do about it.
 *
 * @module
 */
import { examineDatabase } from "./doctor/database.ts";
import { examineFiles } from "./doctor/files.ts";
import type { Finding, Patient } from "./doctor/finding.ts";
import { examineHost } from "./doctor/host.ts";
import { examineParts } from "./doctor/parts.ts";
import { examineSelinux } from "./doctor/selinux.ts";

/** All findings on what the configuration names, in the order of the data's way. */
export async function examine(patient: Patient): Promise<Finding[]> {
  const found = await Promise.all([
    examineHost(patient),
    examineFiles(patient),
    examineDatabase(patient),
    examineParts(patient),
    examineSelinux(patient),
  ]);
  return found.flat();
}
