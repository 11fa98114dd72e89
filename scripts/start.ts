/**
 * `bun run start`: from a fresh clone to a search, with nothing but Node (or Bun), a JDK and Maven.
 * Installs, builds dist/konn, starts a real Kafka and a real OpenSearch, replays the sample into
 * the one, syncs it into the other and searches it. On a terminal the services then stay until
 * Ctrl-C, so that more can be tried; elsewhere they are stopped.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const ROOT = join(import.meta.dir, "..");
const KONN = join(ROOT, "dist", process.platform === "win32" ? "konn.exe" : "konn");
const SAMPLE = join(ROOT, "tests", "fixtures", "stream.jsonl");
/** Where the services are, once they are there. */
const environment: Record<string, string> = {};

await run("Installing the dependencies", [process.execPath, "install", "--frozen-lockfile"]);
await run("Building dist/konn", [process.execPath, "scripts/build.ts"]);

// Only now are the dependencies of these modules there.
const { startKafka, startOpenSearch } = await import("../tests/services/mod.ts");
step("Starting Kafka and OpenSearch (the first time installs them by Maven)");
const [kafka, openSearch] = await Promise.all([startKafka(), startOpenSearch()]);
const stateDir = mkdtempSync(join(tmpdir(), "konn-start-"));
environment["KONN_BROKERS"] = kafka.brokers;
environment["KONN_OPENSEARCH_URL"] = openSearch.url;
environment["KONN_STATE_DIR"] = stateDir;
environment["KONN_LOG_FORMAT"] = "pretty";
try {
  await konn("replay", SAMPLE);
  await konn("sync", "--from-beginning", "--until-end");
  await konn("status");
  await search("payment OR gateway*");
  await stayForAPerson();
} finally {
  await Promise.all([kafka.stop(), openSearch.stop()]);
  rmSync(stateDir, { recursive: true, force: true });
}

async function konn(...args: string[]): Promise<void> {
  await run(`konn ${args.join(" ").replace(`${ROOT}/`, "")}`, [KONN, ...args]);
}

async function run(title: string, cmd: string[]): Promise<void> {
  step(title);
  const child = Bun.spawn({
    cmd,
    cwd: ROOT,
    env: { ...process.env, ...environment },
    stdio: ["ignore", "inherit", "inherit"],
  });
  if ((await child.exited) !== 0) process.exit(1);
}

async function search(query: string): Promise<void> {
  const url = `${openSearch.url}/cdc/_search?q=${encodeURIComponent(query)}&size=3&pretty&filter_path=hits.total.value,hits.hits._source`;
  step(`curl '${url}'`);
  console.log(await (await fetch(url)).text());
}

async function stayForAPerson(): Promise<void> {
  if (!process.stdout.isTTY) return;
  step("The services stay until Ctrl-C. To try more:");
  for (const [name, value] of Object.entries(environment)) console.log(`export ${name}=${value}`);
  console.log("./dist/konn --help");
  await new Promise((resolve) => process.once("SIGINT", resolve));
}

function step(title: string): void {
  console.log(`\n> ${title}`);
}
