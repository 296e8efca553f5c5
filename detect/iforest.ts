/**
 * The bare Isolation Forest as a program: a matrix in, a score a row out.
 *
 * @module
 */
import * as v from "valibot";
import { FatalError, messageOf } from "../lib/errors.ts";
import { main, type Program } from "../lib/program.ts";
import { fitForest, scoreRows } from "./isolation_forest.ts";

const schema = v.strictObject({});

/** `deno task iforest`. */
export const program: Program<typeof schema> = {
  name: "iforest",
  summary:
    "Fits an Isolation Forest (100 trees, 256 rows a tree) and scores every row with it.",
  help: `  --data FILE    row-major little-endian float32, finite
  --rows N       rows
  --cols D       columns
  --seed S       equal seeds give equal scores (default 0)
  --out FILE     N little-endian float32, higher = more anomalous`,
  schema,
  options: {
    data: { type: "string" },
    rows: { type: "string" },
    cols: { type: "string" },
    seed: { type: "string" },
    out: { type: "string" },
  },
  async run({ options }) {
    const path = text(options, "data");
    const out = text(options, "out");
    const rows = whole(options, "rows", { min: 1 });
    const columns = whole(options, "cols", { min: 1 });
    const seed = options["seed"] === undefined
      ? 0
      : whole(options, "seed", { min: 0 });
    const data = await readMatrix(path, rows, columns);
    const scores = scoreRows(
      fitForest(data, rows, columns, { seed }),
      data,
      rows,
    );
    try {
      await Deno.writeFile(out, new Uint8Array(scores.buffer));
    } catch (thrown) {
      throw new FatalError(
        "noPermission",
        `Cannot write "${out}": ${messageOf(thrown)}`,
        { cause: thrown },
      );
    }
  },
};

type Options = Readonly<Record<string, unknown>>;

function text(options: Options, name: string): string {
  const value = options[name];
  if (typeof value === "string" && value !== "") return value;
  throw new FatalError("usage", `Missing --${name}\nTry --help`);
}

function whole(
  options: Options,
  name: string,
  bounds: { min: number },
): number {
  const given = text(options, name);
  const value = Number(given);
  if (Number.isSafeInteger(value) && value >= bounds.min) return value;
  throw new FatalError(
    "usage",
    `Cannot use --${name} "${given}": expected a whole number from ${bounds.min}`,
  );
}

async function readMatrix(
  path: string,
  rows: number,
  columns: number,
): Promise<Float32Array<ArrayBuffer>> {
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = await Deno.readFile(path);
  } catch (thrown) {
    throw new FatalError(
      "noInput",
      `Cannot read "${path}": ${messageOf(thrown)}`,
      { cause: thrown },
    );
  }
  if (bytes.byteLength !== rows * columns * 4) {
    throw new FatalError(
      "dataFormat",
      `Cannot use "${path}": ${rows} rows x ${columns} columns of float32 are ${
        rows * columns * 4
      } bytes, the file has ${bytes.byteLength}`,
    );
  }
  const data = new Float32Array(bytes.buffer);
  const bad = data.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) {
    throw new FatalError(
      "dataFormat",
      `Cannot use "${path}": row ${Math.floor(bad / columns)}, column ${
        bad % columns
      } is not a finite number`,
    );
  }
  return data;
}

if (import.meta.main) await main(program);
