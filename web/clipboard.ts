/**
 * Copies a text. Browsers give pages over plain HTTP, as in a closed network, no `navigator.clipboard`: there the
 * older command copies what is selected. For islands.
 *
 * @returns whether it was copied.
 */
export async function copyText(text: string): Promise<boolean> {
  try {
    if (isSecureContext) await navigator.clipboard.writeText(text);
    else return copySelected(text);
    return true;
  } catch {
    // Refused by the person or by a policy of the browser.
    return false;
  }
}

function copySelected(text: string): boolean {
  const { activeElement } = document;
  const field = document.createElement("textarea");
  field.value = text;
  document.body.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  if (activeElement instanceof HTMLElement) activeElement.focus();
  return done;
}
