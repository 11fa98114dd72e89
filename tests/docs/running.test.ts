import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, copyFileSync, cpSync, existsSync, readdirSync, writeFileSync } from "node:fs";
import { loadCommands } from "../../cmd/commands.ts";
import { konn, resultOf, SAMPLE, serviceEnvironment, spawnKonn, uniqueName } from "../e2e/konn.ts";
import { eventually } from "../e2e/waiting.ts";
import { TemporaryFolder } from "../fakes/temporary_folder.ts";
import { codeBlocks, documentation } from "./markdown.ts";
import { shellWords } from "./shell_words.ts";

/** Calls of konn that stand in `sh` blocks: transcripts are run by their own test. */
function callsOf(text: string): readonly string[] {
  return codeBlocks(text)
    .filter(({ language }) => language === "sh")
    .flatMap(({ lines }) => lines.join("\n").replaceAll("\\\n", " ").split("\n"))
    .map((line) => line.replace(/ #.*$|^#.*$/, ""))
    .filter((line) => /(?:^|[ (])konn [a-z]/.test(line))
    .map((line) => shellWords(line).join(" "));
}

const commands = await loadCommands();

/** Those that take something which a test has not, with what it says instead. */
const REFUSED: readonly { readonly call: RegExp; readonly code: string }[] = [
  { call: /^konn health/, code: "HEALTH_UNREACHABLE" },
  { call: /--kafka-ca-file ca\.pem/, code: "FILE_UNREADABLE" },
  { call: /^konn dead-letters drop 3,5-9$/, code: "CONFIRMATION_NEEDED" },
  { call: /^konn dead-letters retry$/, code: "RETRY_OUT_OF_ORDER" },
];

/** Ways to end: by itself, or when it is interrupted, once it does what it is for. */
const RUNS_ON = /^konn (?:serve|try|sync(?!.*--until-end))/;
const IS_PACED = /--speed/;
const TOGETHER_COUNT = 3;

describe("calls of konn in the documentation do what they are there for", () => {
  // docs/commands.md is made of the declarations, of whose examples the first is run of each command.
  const written = documentation().filter(({ path }) => path !== "docs/commands.md");
  const examples = commands.flatMap((command) => command.examples.slice(0, 1));
  const calls = [
    ...new Set([
      ...written.flatMap(({ text }) => callsOf(text)),
      ...examples.map(({ command }) => shellWords(command).join(" ")),
    ]),
  ];
  const folder = new TemporaryFolder();
  afterAll(() => folder[Symbol.dispose]());
  const [topic, index] = [uniqueName("docs"), uniqueName("docs")];
  const outcomes = new Map<string, { exitCode: number; stderr: string }>();

  /** The files that the calls name, a topic with the sample in it, an index of that. */
  async function prepare(environment: Record<string, string>): Promise<void> {
    for (const name of ["stream.jsonl", "log.jsonl"]) copyFileSync(SAMPLE, folder.file(name));
    writeFileSync(folder.file("tokens"), "0123456789abcdef0123456789abcdef\n");
    chmodSync(folder.file("tokens"), 0o600);
    writeFileSync(folder.file("broken.jsonl"), "broken\n".repeat(9));
    const run = async (...args: string[]) => {
      const { exitCode, stderr } = await konn(args, { cwd: folder.path, environment });
      expect(exitCode, stderr).toBe(0);
    };
    await run("replay", "stream.jsonl", "--topic", topic);
    await run("sync", "--topic", topic, "--index", index, "--until-end", "--state-dir", "synced");
    await run("pipe", "--from", `kafka:${topic}`, "--to", "saved.jsonl", "--until-end");
    await run(
      "pipe",
      "--from",
      "broken.jsonl",
      "--to",
      "sqlite:konn.sqlite",
      "--state-dir",
      "letters",
    );
    copyFileSync(folder.file("konn.sqlite"), folder.file("index.sqlite"));
  }

  /** Runs a call in a copy of the folder, with names and ports of its own. */
  async function runCall(call: string, services: Record<string, string>) {
    using own = new TemporaryFolder();
    cpSync(folder.path, own.path, { recursive: true });
    const [, name = "", ...rest] = call.split(" ");
    const writesTopic = name === "replay";
    const args = rest
      .join(" ")
      .replaceAll(/cdc-events|konnect\.public\.store/g, topic)
      .replace("kafka:copy", `kafka:${uniqueName("copy")}`)
      .replace("--to saved.jsonl", "--to other.jsonl")
      .replace(/--listen \S+/, "--listen 127.0.0.1:0")
      .split(" ")
      .filter((word) => word !== "");
    if (name === "serve" && !call.includes("--listen")) args.push("--listen", "127.0.0.1:0");
    if (name === "try") args.push("--no-open", "--port", "0");
    const child = spawnKonn([name, ...args], {
      cwd: own.path,
      environment: {
        ...services,
        KONN_TOPIC: writesTopic ? uniqueName("docs") : topic,
        KONN_INDEX: name === "sync" ? uniqueName("docs") : index,
        KONN_STATE_DIR: name === "dead-letters" ? "letters" : "own",
      },
    });
    await child.stdin.end();
    if (RUNS_ON.test(call) || IS_PACED.test(call)) {
      const isAtWork = () => existsSync(own.file("own/checkpoints")) || child.exitCode !== null;
      // A server leaves no trace but its answer, and that its own tests ask for.
      if (name === "serve") await Promise.race([child.exited, Bun.sleep(1_500)]);
      else await eventually(() => isAtWork() && readdirSync(own.path).length > 0);
      child.kill("SIGINT");
    }
    const { exitCode, stderr } = await resultOf(child);
    return { exitCode, stderr };
  }

  beforeAll(async () => {
    const services = await serviceEnvironment();
    await prepare(services);
    const left = [...calls];
    const work = async () => {
      for (let call = left.shift(); call !== undefined; call = left.shift()) {
        outcomes.set(call, await runCall(call, services));
      }
    };
    await Promise.all(Array.from({ length: TOGETHER_COUNT }, work));
  }, 240_000);

  test.each(calls)("%s", (call) => {
    const { exitCode = -1, stderr = "" } = outcomes.get(call) ?? {};
    const refused = REFUSED.find((one) => one.call.test(call));
    if (refused !== undefined) {
      expect(stderr).toContain(`"code":"${refused.code}"`);
      return;
    }
    expect(exitCode, stderr).toBe(IS_PACED.test(call) ? 130 : 0);
  });
});
