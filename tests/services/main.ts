/**
 * A Kafka and an OpenSearch for a person, or for one command:
 *
 *     bun tests/services/main.ts [--kafka-port N] [--opensearch-port N]
 *     bun tests/services/main.ts -- bun test
 *
 * Without a command it prints the addresses and stays until Ctrl-C. With one it runs it against
 * the two servers, stops them, and exits with the command's exit code.
 */

import { parseArgs } from "node:util";
import { KonnError, EXIT_CODES, messageOf } from "../../core/base/errors.ts";
import { startKafka, startOpenSearch, sharedServices, type SharedServices } from "./mod.ts";
import { isFree } from "./ports.ts";

/** The ports that everybody expects. */
const KAFKA_PORT = 9092;
const OPENSEARCH_PORT = 9200;

const STOP_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

try {
  process.exit(await main(process.argv.slice(2)));
} catch (error) {
  const isKonnError = error instanceof KonnError;
  const hint = isKonnError && error.hint !== undefined ? `\n${error.hint}` : "";
  process.stderr.write(`${messageOf(error)}${hint}\n`);
  process.exit(EXIT_CODES[isKonnError ? error.kind : "failed"]);
}

async function main(words: string[]): Promise<number> {
  const [flags, command] = splitCommand(words);
  const ports = parsePorts(flags);
  if (command.length === 0) {
    const services = await startPair(
      ports.kafka ?? (await ifFree(KAFKA_PORT)),
      ports.openSearch ?? (await ifFree(OPENSEARCH_PORT)),
    );
    await stayUntilSignal(services);
    return 0;
  }
  const hasPort = ports.kafka !== undefined || ports.openSearch !== undefined;
  const services = hasPort
    ? await startPair(ports.kafka, ports.openSearch)
    : await sharedServices();
  return await runCommand(command, services);
}

/** The command begins after "--", or at once when there are no flags: Bun swallows the "--" then. */
function splitCommand(words: string[]): [flags: string[], command: string[]] {
  let index = 0;
  for (let word = words[0]; word !== undefined; word = words[index]) {
    if (word === "--") return [words.slice(0, index), words.slice(index + 1)];
    if (!word.startsWith("-")) break;
    // A flag, and its value unless that is in the same word.
    index += word.includes("=") ? 1 : 2;
  }
  return [words.slice(0, index), words.slice(index)];
}

interface Ports {
  readonly kafka: number | undefined;
  readonly openSearch: number | undefined;
}

function parsePorts(args: string[]): Ports {
  try {
    const options = {
      "kafka-port": { type: "string" },
      "opensearch-port": { type: "string" },
    } as const;
    const { values } = parseArgs({ args, options });
    return {
      kafka: parsePort(values["kafka-port"]),
      openSearch: parsePort(values["opensearch-port"]),
    };
  } catch (cause) {
    throw new KonnError(`Cannot start the services: ${messageOf(cause)}`, {
      code: "BAD_ARGUMENTS",
      kind: "usage",
      hint: "Usage: bun tests/services/main.ts [--kafka-port N] [--opensearch-port N] [-- COMMAND ...]",
      cause,
    });
  }
}

function parsePort(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const port = Number(text);
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port;
  throw new Error(`"${text}" is no port`);
}

async function ifFree(port: number): Promise<number | undefined> {
  return (await isFree(port)) ? port : undefined;
}

async function startPair(kafkaPort?: number, openSearchPort?: number): Promise<SharedServices> {
  process.stderr.write("Starting Kafka and OpenSearch ...\n");
  const [kafka, openSearch] = await Promise.all([
    startKafka(kafkaPort === undefined ? {} : { port: kafkaPort }),
    startOpenSearch(openSearchPort === undefined ? {} : { port: openSearchPort }),
  ]);
  return { kafka, openSearch };
}

async function stopPair({ kafka, openSearch }: SharedServices): Promise<void> {
  await Promise.all([kafka.stop(), openSearch.stop()]);
}

async function stayUntilSignal(services: SharedServices): Promise<void> {
  const { kafka, openSearch } = services;
  process.stdout.write(`export KONN_BROKERS=${kafka.brokers}\n`);
  process.stdout.write(`export KONN_OPENSEARCH_URL=${openSearch.url}\n`);
  process.stderr.write("Both are up. Ctrl-C stops them and removes their data.\n");
  // Neither a waiting promise nor a signal handler keeps a process alive.
  const keepAlive = setInterval(() => undefined, 60_000);
  await new Promise<void>((resolve) => {
    for (const signal of STOP_SIGNALS) process.once(signal, () => resolve());
  });
  clearInterval(keepAlive);
  process.stderr.write("Stopping both ...\n");
  await stopPair(services);
}

async function runCommand(command: string[], services: SharedServices): Promise<number> {
  const { kafka, openSearch } = services;
  try {
    const child = Bun.spawn(command, {
      stdio: ["inherit", "inherit", "inherit"],
      env: {
        ...process.env,
        KONN_TEST_KAFKA: kafka.brokers,
        KONN_TEST_OPENSEARCH: openSearch.url,
        KONN_BROKERS: kafka.brokers,
        KONN_OPENSEARCH_URL: openSearch.url,
      },
    });
    // The command decides how to end; a terminal's Ctrl-C reaches it by itself.
    process.on("SIGINT", () => undefined);
    for (const signal of ["SIGTERM", "SIGHUP"] as const) {
      process.on(signal, () => child.kill(signal));
    }
    return await child.exited;
  } finally {
    await stopPair(services);
  }
}
