/** What single keys do: one list for the help and for whoever wants to know. @module */

/** Keys of one place. */
export interface KeyGroup {
  readonly title: string;
  readonly keys: readonly (readonly [keys: string, what: string])[];
}

/** Where `g` and a letter go. */
export const GO_TO: Readonly<Record<string, string>> = {
  o: "/",
  i: "/detections",
  r: "/rules",
  t: "/lists",
  e: "/explore",
  l: "/live",
  v: "/views",
  h: "/health",
  s: "/settings",
  u: "/users",
  a: "/audit",
};

const GO_WORDS: Readonly<Record<string, string>> = {
  o: "Overview",
  i: "Detections",
  r: "Rules",
  t: "Lists",
  e: "Explorer",
  l: "Live",
  v: "Saved views",
  h: "System health",
  s: "Settings",
  u: "Users",
  a: "Audit log",
};

export const KEY_GROUPS: readonly KeyGroup[] = [
  {
    title: "Everywhere",
    keys: [
      ["/", "search"],
      ["Ctrl K", "search, also with the keys off"],
      ["?", "this help"],
      ["Esc", "close what is open"],
    ],
  },
  {
    title: "The value under the pointer or the cursor",
    keys: [
      [".", "its menu"],
      ["f", "filter for it"],
      ["Shift f", "filter it out"],
      ["c", "copy it"],
      ["l", "add it to a list"],
    ],
  },
  {
    title: "Go to",
    keys: Object.keys(GO_TO).map((key) =>
      [`g ${key}`, GO_WORDS[key] ?? ""] as const
    ),
  },
  {
    title: "Time",
    keys: [
      ["t ←", "earlier"],
      ["t →", "later"],
      ["t z", "zoom out"],
      ["t c", "copy the range, as instants"],
      ["t v", "go to the range that was copied"],
    ],
  },
  {
    title: "Detections",
    keys: [
      ["j k", "down, up"],
      ["x", "select"],
      ["Shift x", "select a range"],
      ["* a", "select all in view"],
      ["* n", "select none"],
      ["* j", "select those with the same JA4"],
      ["Enter o", "open"],
      ["p", "preview"],
      ["a", "acknowledge"],
      ["e", "archive"],
      ["s", "escalate"],
      ["Shift s", "escalate and archive"],
      ["1 2 3", "true positive, false positive, benign bot"],
      ["n", "note"],
      ["m", "assign to me, give back"],
      ["u", "undo"],
    ],
  },
  {
    title: "Live",
    keys: [["Space", "pause, go on"]],
  },
];
