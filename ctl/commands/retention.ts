/** `ja4ctl retention [TABLE DAYS]`. @module */
import { EXIT, FatalError } from "../../lib/errors.ts";
import { changeRetention, readRetention } from "../../store/retention.ts";
import { type Command, print } from "../command.ts";
import { openSystem } from "../schema_config.ts";
import { asTable, sizeOf } from "../table.ts";

export const retention: Command = {
  name: "retention",
  usage: "[TABLE DAYS]",
  summary: "how long each table keeps its rows; changes it for one",
  async run(context, args) {
    if (args.length !== 0 && args.length !== 2) {
      throw new FatalError(
        "usage",
        "Expected no arguments, or TABLE DAYS\nTry --help",
      );
    }
    await using database = await context.open("clickhouse");
    if (args.length === 2) {
      const [table = "", days = ""] = args;
      const { system, placeholders } = await openSystem(context);
      await system[Symbol.asyncDispose]();
      await changeRetention(database, {
        table,
        days: /^\d{1,5}$/.test(days) ? Number(days) : NaN,
      }, placeholders);
    }
    print(asTable([
      ["table", "days", "oldest", "rows", "size"],
      ...(await readRetention(database)).map((
        { table, days, oldest, rows, bytes },
      ) => [
        table,
        String(days),
        oldest,
        String(rows),
        sizeOf(bytes),
      ]),
    ]));
    return EXIT.ok;
  },
};
