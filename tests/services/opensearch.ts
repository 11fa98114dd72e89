/** OpenSearch on a JDK of this machine: a cluster of one node, without TLS and users. */

import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { MAKE_CLASS_CACHE_TIMEOUT_MS, makeClassCache, useClassCache } from "./class_cache.ts";
import { install, type Installation } from "./install.ts";
import { findJdk } from "./jdk.ts";
import { LocalServer } from "./local_server.ts";
import {
  compileLauncher,
  BUNDLED_MODULES,
  LAUNCHER_INPUTS,
  nodeCommand,
  OPENSEARCH_JDK_MAJOR,
  openSearchVersion,
} from "./opensearch_launcher.ts";
import { LOOPBACK, startOnFreePorts } from "./ports.ts";
import type { OpenSearchService, StartOptions } from "./service.ts";

const POM = fileURLToPath(new URL("opensearch/pom.xml", import.meta.url));
const VERSION = openSearchVersion(POM);
const TITLE = `OpenSearch ${VERSION}`;

const PROBE_TIMEOUT_MS = 2000;

/** Starts an OpenSearch of its own on random free ports, installing it first when need be. */
export async function startLocalOpenSearch(options: StartOptions): Promise<OpenSearchService> {
  const installation = await installOpenSearch();
  return await startOnFreePorts(options.port, async (port, transportPort) => {
    const settings = { "transport.port": String(transportPort), ...options.settings };
    const server = await startNode(installation, {
      port,
      settings,
      jvmFlags: [...useClassCache(installation), ...(options.jvmFlags ?? [])],
    });
    return Object.assign(server, { url: urlOf(port) });
  });
}

async function installOpenSearch(): Promise<Installation> {
  const jdk = findJdk(OPENSEARCH_JDK_MAJOR);
  return await install({
    name: `opensearch-${VERSION}`,
    title: TITLE,
    jdk,
    pom: POM,
    inputs: LAUNCHER_INPUTS,
    complete: (folder) => compileLauncher({ jdk }, folder),
    train,
  });
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
  const settings = { "http.port": String(port), ...options.settings };
  return await LocalServer.start({
    title: TITLE,
    folder,
    command: nodeCommand(installation, { folder, plugins: BUNDLED_MODULES, settings, jvmFlags }),
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
