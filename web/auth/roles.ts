import { type Role, ROLES } from "../../lib/accounts.ts";

/** Groups of a provider or a proxy, by the role that they give. */
export interface GroupRoles {
  readonly groups: Readonly<Record<Role, readonly string[]>>;
  /** Of somebody in none of them; undefined: who is in none is refused. */
  readonly fallback: Role | undefined;
}

/** The highest role that one of `groups` gives. */
export function roleOfGroups(
  groups: readonly string[],
  roles: GroupRoles,
): Role | undefined {
  return ROLES.toReversed().find((role) =>
    roles.groups[role].some((group) => groups.includes(group))
  ) ?? roles.fallback;
}
