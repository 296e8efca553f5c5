import { useEffect } from "preact/hooks";

/**
 * What the shell does with a script: leaves the browser's time zone for the server to format by,
 * and has "/" go to the search box.
 */
export default function ShellScript(): null {
  useEffect(() => {
    const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
    document.cookie = `zone=${
      encodeURIComponent(timeZone)
    }; Path=/; SameSite=Lax; Max-Age=31536000`;
    function onKey(event: KeyboardEvent): void {
      const { target } = event;
      const typing = target instanceof HTMLElement &&
        (target.isContentEditable ||
          /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
      if (event.key !== "/" || typing || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      document.getElementById("search")?.focus();
    }
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);
  return null;
}
