import { KonnError } from "../core/base/errors.ts";
import { declareCommand } from "./cli/declare.ts";
import { DEFAULT_LISTEN } from "./cli/default_listen.ts";

/** An address to listen at that stands for all of a machine, and how this machine reaches it. */
const WILDCARDS: Readonly<Record<string, string>> = { "0.0.0.0": "127.0.0.1", "::": "::1" };

export const command = declareCommand({
  name: "health",
  description: "Ask a konn that runs whether it is well",
  positionals: [
    {
      name: "url",
      description: "what to ask (default: /healthz at --listen)",
      required: false,
    },
  ],
  settings: ["listen"],
  wording: { listen: "where it listens (default: 127.0.0.1:7700)" },
  examples: [
    { description: "The konn serve of this machine", command: "konn health" },
    {
      description: "Is this sync where it should be?",
      command: "konn health http://127.0.0.1:9464/readyz",
    },
  ],
  async run({ settings, positionals, terminal, interrupt }) {
    const { askHealth } = await import("../core/serve/health_client.ts");
    const url = addressOf(positionals["url"] ?? "", settings.listen ?? DEFAULT_LISTEN);
    const { isHealthy, status, reasons } = await askHealth(url, interrupt.signal);
    if (terminal.json) {
      terminal.result(JSON.stringify({ url: url.href, healthy: isHealthy, status, reasons }));
    } else {
      const state = isHealthy ? "well" : `not well: ${[`status ${status}`, ...reasons].join(", ")}`;
      terminal.result(`${url.href} is ${state}`);
    }
    return isHealthy ? 0 : 1;
  },
});

function addressOf(given: string, listen: { hostname: string; port: number }): URL {
  if (given === "") {
    const host = WILDCARDS[listen.hostname] ?? listen.hostname;
    return new URL(`http://${host.includes(":") ? `[${host}]` : host}:${listen.port}/healthz`);
  }
  const url = URL.parse(given);
  // What was given is not repeated where it may hold a password.
  if (given.includes("@")) throw cannotAsk("a URL that may hold a password", "none is asked for");
  if (url !== null && ["http:", "https:"].includes(url.protocol)) return url;
  throw cannotAsk(JSON.stringify(given), "it is no HTTP URL");
}

function cannotAsk(subject: string, reason: string): KonnError {
  return new KonnError(`Cannot ask ${subject}: ${reason}`, {
    code: "USAGE",
    kind: "usage",
    hint: "For example: konn health http://127.0.0.1:9464/readyz",
  });
}
