/** Digests and texts of bytes, as models and identifiers need them. @module */

/** Hex SHA-256 of a text. */
export async function sha256Hex(text: string): Promise<string> {
  return new Uint8Array(await digest(text)).toHex();
}

/** The first eight characters, of 5 bits each, of SHA-256 of a text: Crockford base32. */
export async function shortId(text: string): Promise<string> {
  const bytes = new Uint8Array(await digest(text));
  let id = "";
  for (let i = 0; i < 8; i++) {
    const bit = i * 5;
    const two = ((bytes[bit >> 3] as number) << 8) |
      (bytes[(bit >> 3) + 1] as number);
    id += CROCKFORD[(two >> (11 - (bit & 7))) & 31];
  }
  return id;
}

const CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

function digest(text: string): Promise<ArrayBuffer> {
  return crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
}

export function encodeBase64(bytes: Uint8Array): string {
  return bytes.toBase64();
}

export function decodeBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.fromBase64(text);
}

/** Gzip, then base64: how a model rests in one column. */
export async function pack(text: string): Promise<string> {
  const stream = new Blob([text]).stream().pipeThrough(
    new CompressionStream("gzip"),
  );
  return encodeBase64(
    new Uint8Array(await new Response(stream).arrayBuffer()),
  );
}

/** The text of {@linkcode pack}. */
export async function unpack(packed: string): Promise<string> {
  const stream = new Blob([decodeBase64(packed)]).stream().pipeThrough(
    new DecompressionStream("gzip"),
  );
  return await new Response(stream).text();
}
