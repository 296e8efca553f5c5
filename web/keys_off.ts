/**
 * Whether single keys are commands (WCAG 2.2, criterion 2.1.4): a cookie that the server writes into the
 * page. For islands.
 *
 * @module
 */

/** Whether the page's user has switched them off. */
export function keysOff(): boolean {
  return document.documentElement.dataset["keys"] === "off";
}

/** Switches them, on this browser. */
export function setKeysOff(off: boolean): void {
  const value = off ? "off" : "on";
  document.documentElement.dataset["keys"] = value;
  document.cookie = `keys=${value}; Path=/; SameSite=Lax; Max-Age=31536000`;
}
