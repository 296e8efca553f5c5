/**
 * Where reference data comes from: files of this host and addresses on the web, with the lists that
 * operators of bots publish by name.
 *
 * @module
 */
import { FatalError, messageOf } from "../lib/errors.ts";
import type { BotRow } from "./reference_files.ts";

/** A bot whose operator publishes the networks it comes from. */
export interface Publisher extends Omit<BotRow, "prefix"> {
  readonly url: string;
}

/** Operators that publish such a list, as of 2026. */
export const PUBLISHERS: Readonly<Record<string, Publisher>> = {
  googlebot: {
    name: "Googlebot",
    operator: "Google",
    ua_token: "Googlebot",
    url:
      "https://developers.google.com/static/search/apis/ipranges/googlebot.json",
  },
  "google-special": {
    name: "Google special crawlers",
    operator: "Google",
    ua_token: "Google",
    url:
      "https://developers.google.com/static/search/apis/ipranges/special-crawlers.json",
  },
  bingbot: {
    name: "Bingbot",
    operator: "Microsoft",
    ua_token: "bingbot",
    url: "https://www.bing.com/toolbox/bingbot.json",
  },
  gptbot: {
    name: "GPTBot",
    operator: "OpenAI",
    ua_token: "GPTBot",
    url: "https://openai.com/gptbot.json",
  },
  "oai-searchbot": {
    name: "OAI-SearchBot",
    operator: "OpenAI",
    ua_token: "OAI-SearchBot",
    url: "https://openai.com/searchbot.json",
  },
  "chatgpt-user": {
    name: "ChatGPT-User",
    operator: "OpenAI",
    ua_token: "ChatGPT-User",
    url: "https://openai.com/chatgpt-user.json",
  },
  applebot: {
    name: "Applebot",
    operator: "Apple",
    ua_token: "Applebot",
    url: "https://search.developer.apple.com/applebot.json",
  },
  duckduckbot: {
    name: "DuckDuckBot",
    operator: "DuckDuckGo",
    ua_token: "DuckDuckBot",
    url: "https://duckduckgo.com/duckduckbot.json",
  },
  perplexitybot: {
    name: "PerplexityBot",
    operator: "Perplexity",
    ua_token: "PerplexityBot",
    url: "https://www.perplexity.ai/perplexitybot.json",
  },
};

/** The largest of the free tables has 70 MB. */
const BYTES_MAX = 512 * 2 ** 20;
const FETCH_MS_MAX = 120_000;

/**
 * Reads a file or fetches an address; gzip is unpacked.
 *
 * @throws {FatalError} `noInput` if it cannot be had.
 */
export async function readSource(
  from: string,
  signal?: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const bytes = /^https?:/i.test(from)
      ? await fetchBytes(new URL(from), signal)
      : await Deno.readFile(from);
    return bytes[0] === 0x1f && bytes[1] === 0x8b ? await unpack(bytes) : bytes;
  } catch (thrown) {
    if (signal?.aborted) throw thrown;
    throw new FatalError(
      "noInput",
      `Cannot read "${from}": ${messageOf(thrown)}`,
      {
        cause: thrown,
      },
    );
  }
}

async function fetchBytes(
  url: URL,
  signal?: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  // Whoever can change what arrives decides whom the site trusts.
  if (url.protocol !== "https:" && !isLoopback(url.hostname)) {
    throw new Error("expected https");
  }
  const limit = AbortSignal.timeout(FETCH_MS_MAX);
  const response = await fetch(url, {
    signal: signal === undefined ? limit : AbortSignal.any([limit, signal]),
  });
  if (!response.ok || response.body === null) {
    await response.body?.cancel();
    throw new Error(`the server answers ${response.status}`);
  }
  return await collectBytes(response.body);
}

function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" ||
    hostname.startsWith("127.");
}

function unpack(
  bytes: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array<ArrayBuffer>> {
  return collectBytes(
    new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip")),
  );
}

/** All bytes, unless there are too many. */
async function collectBytes(
  stream: ReadableStream<Uint8Array>,
): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of stream) {
    length += chunk.length;
    if (length > BYTES_MAX) throw new Error("it has more than 512 MiB");
    chunks.push(chunk);
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
