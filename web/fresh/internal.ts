/** For generated files only. @module */
export { attachSnapshot } from "./snapshot.ts";
