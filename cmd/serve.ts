import { KonnError } from "../core/base/errors.ts";
import type { Logger } from "../core/observe/observer.ts";
import type { Searcher } from "../core/search/mod.ts";
import { declareCommand } from "./cli/declare.ts";
import { DEFAULT_LISTEN } from "./cli/default_listen.ts";
import { openSearcher, SEARCHER_SETTINGS } from "./cli/open_searcher.ts";
import { untilAborted } from "./cli/until_aborted.ts";

export const command = declareCommand({
  name: "serve",
  description: "Serve the search bar and its HTTP API",
  settings: ["listen", ...SEARCHER_SETTINGS, "control-plane", "token-file", "allow-host"],
  wording: {
    listen: "address of the search bar (default: 127.0.0.1:7700)",
    index: "the index: its alias, a URL, or sqlite:FILE",
    "control-plane": "show these control planes alone, by their ids",
  },
  examples: [
    { description: "On http://127.0.0.1:7700", command: "konn serve" },
    {
      description: "An index in a file, on another port",
      command: "konn serve --index sqlite:index.sqlite --listen 127.0.0.1:8080",
    },
    {
      description: "For others, who need a token",
      command: "konn serve --listen 0.0.0.0:80 --token-file tokens --allow-host a.example",
    },
  ],
  async run(invocation) {
    const { settings, terminal, interrupt } = invocation;
    const { isLoopback, startServer } = await import("../core/serve/mod.ts");
    const { readTokenFile } = await import("../core/config/mod.ts");
    const listen = settings.listen ?? DEFAULT_LISTEN;
    const tokenFile = settings["token-file"];
    const tokens =
      tokenFile === undefined ? [] : readTokenFile({ setting: "token-file", path: tokenFile });
    await using searcher = await openSearcher(invocation);
    await warnOfMissingIndex(searcher, terminal.log);
    await using server = startServer({
      listen,
      searcher,
      tokens,
      log: terminal.log,
      fence: settings["control-plane"] ?? [],
      names: settings["allow-host"] ?? [],
    });
    if (!isLoopback(listen.hostname) && tokens.length === 0) {
      terminal.log.warn("Whoever reaches this address can search: --token-file asks for a token");
    }
    terminal.note(`Search ${searcher.label} at ${server.url}`);
    await untilAborted(interrupt.signal);
    return 0;
  },
});

/** An index that is not there may still appear: until then the server says so to whoever asks. */
async function warnOfMissingIndex(searcher: Searcher, log: Logger): Promise<void> {
  try {
    await searcher.byIds([]);
  } catch (error) {
    if (!(error instanceof KonnError && error.mayPass)) throw error;
    log.warn(error.message, { code: error.code });
  }
}
