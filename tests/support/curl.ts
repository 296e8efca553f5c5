/** curl as a client that tells which local port it used. @module */

/** One transfer of {@linkcode curl}. */
export interface Transfer {
  readonly status: number;
  readonly localPort: number;
  /** `1.1`, `2`, ... */
  readonly version: string;
  /** Bytes of the body. */
  readonly bytes: number;
}

/**
 * Fetches `urls` with one curl process, which keeps its connections open between them.
 *
 * @throws {Error} if curl fails.
 */
export async function curl(
  urls: readonly string[],
  args: readonly string[] = [],
): Promise<Transfer[]> {
  const output = await new Deno.Command("curl", {
    args: [
      "--silent",
      "--show-error",
      "--max-time",
      "20",
      "--write-out",
      "%{http_code} %{local_port} %{http_version} %{size_download}\n",
      ...args,
      ...urls.flatMap((url) => ["--output", "/dev/null", url]),
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  const text = new TextDecoder();
  if (!output.success) {
    throw new Error(`curl failed: ${text.decode(output.stderr).trim()}`);
  }
  return text.decode(output.stdout).trim().split("\n").map((line) => {
    const [status, localPort, version, bytes] = line.split(" ");
    return {
      status: Number(status),
      localPort: Number(localPort),
      version: version ?? "",
      bytes: Number(bytes),
    };
  });
}

/** Sends `bytes` to a port of `hostname` and returns what comes back until the server closes. */
export async function sendRaw(
  port: number,
  bytes: string | Uint8Array,
  hostname = "127.0.0.1",
): Promise<{ localPort: number; reply: string }> {
  using connection = await Deno.connect({ hostname, port });
  const { port: localPort } = connection.localAddr as Deno.NetAddr;
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(16_384);
  let reply = "";
  let rest = typeof bytes === "string"
    ? new TextEncoder().encode(bytes)
    : bytes;
  try {
    while (rest.length > 0) rest = rest.subarray(await connection.write(rest));
    await connection.closeWrite();
    for (
      let n = await connection.read(buffer);
      n !== null;
      n = await connection.read(buffer)
    ) reply += decoder.decode(buffer.subarray(0, n), { stream: true });
  } catch (error) {
    // The server may close before it has read all of a request that it refuses.
    const closed = error instanceof Deno.errors.ConnectionReset ||
      error instanceof Deno.errors.BrokenPipe ||
      error instanceof Deno.errors.NotConnected;
    if (!closed) throw error;
  }
  return { localPort, reply };
}
