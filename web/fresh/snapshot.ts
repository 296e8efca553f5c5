import { type Island, registerIslands } from "./render.ts";
import { shared } from "./runtime.ts";
import type { Snapshot } from "./types.ts";

const snapshots = new WeakMap<object, Snapshot>();

/** What {@linkcode attachSnapshot} gave to this app. */
export function snapshotOf(app: object): Snapshot | undefined {
  return snapshots.get(app);
}

/** The snapshot of the app attached last: a process serves one build. */
export function servedSnapshot(): Snapshot | undefined {
  return served;
}
let served: Snapshot | undefined;

/** Gives an app what the build made: its route modules, islands and static files. */
export function attachSnapshot(app: object, snapshot: Snapshot): void {
  snapshots.set(app, snapshot);
  served = snapshot;
  shared.buildId = snapshot.buildId;
  const islands: Island[] = snapshot.islands.flatMap(({ module, mod }) =>
    Object.entries(mod).flatMap(([name, component]) =>
      typeof component === "function" ? [{ component, module, name }] : []
    )
  );
  registerIslands(snapshot.boot, islands);
}
