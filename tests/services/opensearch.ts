/** OpenSearch on a JDK of this machine: a cluster of one node, without TLS and users. */

import { mkdirSync, mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { MAKE_CLASS_CACHE_TIMEOUT_MS, makeClassCache, useClassCache } from "./class_cache.ts";
import { classPath } from "./class_path.ts";
import { install, type Installation } from "./install.ts";
import { findJdk, type Jdk } from "./jdk.ts";
import { LocalServer } from "./local_server.ts";
import { LOOPBACK, startOnFreePorts } from "./ports.ts";
import { run } from "./run.ts";
import type { OpenSearchService, StartOptions } from "./service.ts";

const MINIMUM_JDK_MAJOR = 21;
const SOURCES = fileURLToPath(new URL("opensearch", import.meta.url));
const POM = join(SOURCES, "pom.xml");
const LAUNCHER = join(SOURCES, "OpenSearchNode.java");
const LOG_SETTINGS = join(SOURCES, "log4j2.properties");
const VERSION =
  /<opensearch.version>(.*)<\/opensearch.version>/.exec(readFileSync(POM, "utf8"))?.[1] ?? "";
const TITLE = `OpenSearch ${VERSION}`;

/** What suits a node for tests on a shared machine. */
const TEST_SETTINGS: Readonly<Record<string, string>> = {
  "cluster.name": "konn-test",
  "discovery.type": "single-node",
  "network.host": LOOPBACK,
  // A full disk of the machine would make every index read-only.
  "cluster.routing.allocation.disk.threshold_enabled": "false",
  // The serial collector lets garbage pile up, which the breaker would take for real use (429).
  "indices.breaker.total.use_real_memory": "false",
};

/** Memory and compiler: small, and quick to start. */
const HEAP_FLAGS = [
  "-Xms512m",
  "-Xmx512m",
  "-Xss1m",
  "-XX:+UseSerialGC",
  "-XX:TieredStopAtLevel=1",
  "-XX:+ExitOnOutOfMemoryError",
];

/** Those of the distribution's jvm.options that matter here. */
const JVM_FLAGS = [
  "--enable-native-access=ALL-UNNAMED",
  "-Djava.awt.headless=true",
  "-Dio.netty.noUnsafe=true",
  "-Dio.netty.noKeySetOptimization=true",
  "-Dio.netty.recycler.maxCapacityPerThread=0",
  "-Dio.netty.allocator.numDirectArenas=0",
  "-Dlog4j2.disable.jmx=true",
];

const PROBE_TIMEOUT_MS = 2000;

/** Starts an OpenSearch of its own on random free ports, installing it first when need be. */
export async function startLocalOpenSearch(options: StartOptions): Promise<OpenSearchService> {
  const installation = await installOpenSearch();
  return await startOnFreePorts(options.port, async (port, transportPort) => {
    const settings = { "transport.port": String(transportPort), ...options.settings };
    const server = await startNode(installation, {
      port,
      settings,
      jvmFlags: useClassCache(installation),
    });
    return Object.assign(server, { url: urlOf(port) });
  });
}

async function installOpenSearch(): Promise<Installation> {
  const jdk = findJdk(MINIMUM_JDK_MAJOR);
  return await install({
    name: `opensearch-${VERSION}`,
    title: TITLE,
    jdk,
    pom: POM,
    inputs: [
      readFileSync(LAUNCHER, "utf8"),
      readFileSync(LOG_SETTINGS, "utf8"),
      ...HEAP_FLAGS,
      ...JVM_FLAGS,
    ],
    complete: (folder) => compileLauncher(jdk, folder),
    train,
  });
}

/** Into a jar: with a folder on the class path the JVM would write no class cache. */
async function compileLauncher(jdk: Jdk, folder: string): Promise<void> {
  const tool = (name: string): string => join(jdk.home, "bin", name);
  await run([tool("javac"), "-cp", classPath(folder), "-d", "classes", LAUNCHER], { folder });
  const contents = ["-C", "classes", ".", "-C", SOURCES, "log4j2.properties"];
  await run([tool("jar"), "--create", "--file", "node.jar", ...contents], { folder });
}

async function train(installation: Installation): Promise<void> {
  await startOnFreePorts(undefined, async (port, transportPort) => {
    const settings = { "transport.port": String(transportPort) };
    const jvmFlags = makeClassCache(installation);
    const node = await startNode(installation, { port, settings, jvmFlags });
    await exercise(urlOf(port));
    await node.stop(MAKE_CLASS_CACHE_TIMEOUT_MS);
  });
}

/** Touches what tests use most, so that its classes are loaded when the cache is written. */
async function exercise(url: string): Promise<void> {
  const headers = { "content-type": "application/x-ndjson" };
  const action = { index: { _id: "1", version: 1, version_type: "external" } };
  const body = `${JSON.stringify(action)}\n${JSON.stringify({ name: "training" })}\n`;
  await fetch(`${url}/training`, { method: "PUT" });
  await fetch(`${url}/training/_bulk?refresh=true`, { method: "POST", headers, body });
  await fetch(`${url}/training/_search?q=name:training`);
  await fetch(`${url}/training`, { method: "DELETE" });
}

interface NodeOptions {
  readonly port: number;
  readonly settings: Readonly<Record<string, string>>;
  readonly jvmFlags: readonly string[];
}

async function startNode(installation: Installation, options: NodeOptions): Promise<LocalServer> {
  const { port, jvmFlags } = options;
  const folder = mkdtempSync(join(tmpdir(), "konn-opensearch-"));
  const temporary = join(folder, "tmp");
  mkdirSync(temporary);
  const settings = { ...TEST_SETTINGS, "http.port": String(port), ...options.settings };
  return await LocalServer.start({
    title: TITLE,
    folder,
    command: [
      join(installation.jdk.home, "bin", "java"),
      ...HEAP_FLAGS,
      ...JVM_FLAGS,
      ...jvmFlags,
      `-Djava.io.tmpdir=${temporary}`,
      "-cp",
      classPath(installation.folder),
      "OpenSearchNode",
      folder,
      ...Object.entries(settings).map(([name, value]) => `${name}=${value}`),
    ],
    isReady: (pid) => isServing(urlOf(port), pid),
  });
}

/** Whether the node is up, its indices have recovered, and it is the process that we started. */
async function isServing(url: string, pid: number): Promise<boolean> {
  const health = await getText(`${url}/_cluster/health?filter_path=status`);
  if (!/green|yellow/.test(health)) return false;
  const node = await getText(`${url}/_nodes/_local/process?filter_path=nodes.*.process.id`);
  return node.includes(`"id":${pid}}`);
}

async function getText(url: string): Promise<string> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) });
    return await response.text();
  } catch {
    return "";
  }
}

function urlOf(port: number): string {
  return `http://${LOOPBACK}:${port}`;
}
