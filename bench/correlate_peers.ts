export async function comparePeers(
  _own: number,
  _print: unknown,
): Promise<void> {}
