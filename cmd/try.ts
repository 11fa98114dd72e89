import { KonnError } from "../core/base/errors.ts";
import { declareCommand } from "./cli/declare.ts";
import { openBrowser } from "./cli/open_browser.ts";
import { tryIndexPath } from "./cli/open_searcher.ts";
import { noSecurity } from "./cli/security.ts";
import type { Terminal } from "./cli/terminal.ts";
import { transfer, type TransferOptions } from "./cli/transfer.ts";
import { untilAborted } from "./cli/until_aborted.ts";

/** What says that the index of an earlier `konn try` is of something else: it is built anew. */
const OTHER_SOURCE_CODES: ReadonlySet<string> = new Set([
  "FILE_CHANGED",
  "INDEX_GONE",
  "INDEX_OF_ANOTHER_SOURCE",
  "INDEX_REPLACED",
  "SINK_CHANGED",
  "SOURCE_CHANGED",
]);

/** How many ports are tried, from --port up. */
const PORTS_COUNT = 20;

export const command = declareCommand({
  name: "try",
  description: "Search a JSONL file in the browser, without services",
  positionals: [
    { name: "file", description: "JSON lines, also .gz or .zst; - is stdin", required: true },
  ],
  settings: ["port", "no-open", "follow", "format", "skip-types"],
  examples: [
    { description: "A search bar in seconds", command: "konn try stream.jsonl" },
    { description: "With what is still being written", command: "konn try log.jsonl --follow" },
  ],
  async run({ settings, positionals, terminal, interrupt }) {
    const file = positionals["file"] ?? "";
    const path = tryIndexPath(settings["state-dir"]);
    const load: TransferOptions = {
      from: file === "-" ? file : `file:${file}`,
      to: `sqlite:${path}`,
      settings: { ...settings, ...NO_TRANSFER_SETTINGS },
      connectors: {
        brokers: [],
        openSearchUrl: "",
        security: noSecurity(),
        readFormat: settings.format,
        skipTypes: settings["skip-types"],
      },
      follow: false,
      // What came through a pipe is gone: nothing could be gone on with.
      fromBeginning: file === "-",
      terminal,
      interrupt,
      verb: "Indexed",
    };
    await loadAnew(load);
    if (interrupt.signal.aborted) return 0;
    await serve({ path, port: settings.port, opens: !settings["no-open"], terminal }, async () => {
      if (settings.follow) await transfer({ ...load, follow: true, fromBeginning: false });
      else await untilAborted(interrupt.signal);
    });
    terminal.note(nextSteps(file));
    return 0;
  },
});

const NO_TRANSFER_SETTINGS = {
  wait: undefined,
  rate: undefined,
  speed: undefined,
  limit: undefined,
  "max-dead-letters": undefined,
};

/** Goes on where an earlier run stopped; where the index is of another file, it is built anew. */
async function loadAnew(load: TransferOptions): Promise<void> {
  try {
    await transfer(load);
  } catch (error) {
    const isOther = error instanceof KonnError && OTHER_SOURCE_CODES.has(error.code);
    if (!isOther || load.fromBeginning) throw error;
    load.terminal.log.debug(error.message, { code: error.code });
    await transfer({ ...load, fromBeginning: true });
  }
}

/** Serves the index for as long as the work takes. */
async function serve(
  {
    path,
    port,
    opens,
    terminal,
  }: { path: string; port: number; opens: boolean; terminal: Terminal },
  work: () => Promise<void>,
): Promise<void> {
  const { createSqliteSearcher } = await import("../core/connectors/sqlite/searcher.ts");
  const { startServer } = await import("../core/serve/mod.ts");
  await using searcher = createSqliteSearcher({ path });
  await using server = startServer({
    listen: { hostname: "127.0.0.1", port },
    portsCount: PORTS_COUNT,
    searcher,
    log: terminal.log,
  });
  terminal.note(`Search at ${server.url} (Ctrl-C ends it)`);
  if (opens) openBrowser(server.url);
  await work();
}

/** How to go on with real services. */
function nextSteps(file: string): string {
  return [
    "The same with Kafka and OpenSearch:",
    `  konn replay ${file === "-" ? "stream.jsonl" : shellWord(file)}`,
    "  konn sync",
    "  konn serve",
  ].join("\n");
}

/** A path as it can be pasted behind a command. */
function shellWord(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", String.raw`'\''`)}'`;
}
