/** Cuts the icons that pages use out of lucide-static (ISC) into one file. @module */
import { ICONS } from "./icons.ts";

/** The sprite: a `<symbol>` an icon, to be shown by `<use>`. */
export async function makeSprite(): Promise<string> {
  const symbols = await Promise.all(ICONS.map(async (name) => {
    const url = import.meta.resolve(`lucide-static/icons/${name}.svg`);
    const svg = await Deno.readTextFile(new URL(url));
    const [, inner = ""] = /<svg[^>]*>([\s\S]*)<\/svg>/.exec(svg) ?? [];
    const shapes = inner.trim().replaceAll(/\n\s*/g, "");
    return `<symbol id="${name}" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round">${shapes}</symbol>`;
  }));
  return `<!-- Icons of lucide-static, ISC License. Written by the build. -->
<svg xmlns="http://www.w3.org/2000/svg">
${symbols.join("\n")}
</svg>
`;
}
