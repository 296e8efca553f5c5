import type { VNode } from "preact";
import { asset, Head } from "fresh/runtime";

/** Title and style sheet of a working page. */
export function WorkHead(
  { title, sheet = "/work.css" }: {
    title: string;
    sheet?: "/work.css" | "/explorer.css";
  },
): VNode {
  return (
    <Head>
      <title>{`${title} · JA4 Platform`}</title>
      <link rel="stylesheet" href={asset(sheet)} />
    </Head>
  );
}
