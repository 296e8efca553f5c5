/** The outputs that detect.toml names, ready to send. @module */
import { FatalError, messageOf } from "../lib/errors.ts";
import type { AlertMessage, Send } from "./alert_store.ts";
import type { Config } from "./config.ts";
import { syslog } from "./syslog.ts";
import { webhook } from "./webhook.ts";

/**
 * Outputs by name: webhook, syslog, file.
 *
 * @throws {FatalError} `config` if a file that they name cannot be read or says nothing.
 */
export async function alertOutputs(
  config: Pick<Config, "webhook" | "syslog" | "alert_file">,
  sender: string,
): Promise<Map<string, Send>> {
  const outputs = new Map<string, Send>();
  if (config.webhook.url !== "") {
    outputs.set("webhook", await webhookOf(config.webhook));
  }
  if (config.syslog.url !== "") {
    const url = new URL(config.syslog.url);
    outputs.set(
      "syslog",
      syslog({
        transport: url.protocol === "tcp:" ? "tcp" : "udp",
        hostname: url.hostname.replace(/^\[|\]$/g, ""),
        port: Number(url.port) || 514,
        format: config.syslog.format,
        sender,
      }),
    );
  }
  if (config.alert_file.path !== "") {
    outputs.set("file", appendTo(config.alert_file.path));
  }
  return outputs;
}

async function webhookOf(webhookConfig: Config["webhook"]): Promise<Send> {
  const { url, secret_file, ca_file, allow_private } = webhookConfig;
  if (secret_file === "") {
    throw new FatalError(
      "config",
      "webhook.secret_file is missing: messages are signed",
    );
  }
  const secret = (await read(secret_file)).split("\n")[0]?.trim() ?? "";
  if (secret.length < 16) {
    throw new FatalError(
      "config",
      `Cannot use "${secret_file}": expected a secret of 16 characters or more`,
    );
  }
  return webhook({
    url: new URL(url),
    secret,
    allowPrivate: allow_private,
    ...(ca_file === "" ? {} : { caCerts: [await read(ca_file)] }),
  });
}

async function read(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (thrown) {
    throw new FatalError(
      "config",
      `Cannot read "${path}": ${messageOf(thrown)}`,
      { cause: thrown },
    );
  }
}

/** Appends a line a message; the file is opened for each, so that it may be moved away at any time. */
function appendTo(path: string): Send {
  return async (message: AlertMessage) => {
    await Deno.writeTextFile(path, JSON.stringify(message) + "\n", {
      append: true,
      mode: 0o640,
    });
  };
}
