/** Our own main class for OpenSearch, for any of its versions. */

import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { classPath } from "./class_path.ts";
import type { Installation, Recipe } from "./install.ts";
import { run } from "./run.ts";

const SOURCES = fileURLToPath(new URL("opensearch", import.meta.url));
const LAUNCHER = join(SOURCES, "OpenSearchNode.java");
const LOG_SETTINGS = "log4j2.properties";

/** The oldest JDK that OpenSearch 3 runs on. */
export const OPENSEARCH_JDK_MAJOR = 21;

/** The classes of the modules that a distribution of OpenSearch bundles. */
export const BUNDLED_MODULES: readonly string[] = [
  "org.opensearch.transport.Netty4ModulePlugin",
  "org.opensearch.analysis.common.CommonAnalysisModulePlugin",
  "org.opensearch.index.mapper.MapperExtrasModulePlugin",
  "org.opensearch.index.reindex.ReindexModulePlugin",
  "org.opensearch.painless.PainlessModulePlugin",
  "org.opensearch.ingest.common.IngestCommonModulePlugin",
  "org.opensearch.join.ParentJoinModulePlugin",
  "org.opensearch.index.rankeval.RankEvalModulePlugin",
];

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

/** What suits a node for tests on a shared machine. */
const TEST_SETTINGS: Readonly<Record<string, string>> = {
  "cluster.name": "konn-test",
  "discovery.type": "single-node",
  "network.host": "127.0.0.1",
  // A full disk of the machine would make every index read-only.
  "cluster.routing.allocation.disk.threshold_enabled": "false",
  // The serial collector lets garbage pile up, which the breaker would take for real use (429).
  "indices.breaker.total.use_real_memory": "false",
};

/** What an install depends on beside its pom. */
export const LAUNCHER_INPUTS: readonly string[] = [
  readFileSync(LAUNCHER, "utf8"),
  readFileSync(join(SOURCES, LOG_SETTINGS), "utf8"),
  ...HEAP_FLAGS,
  ...JVM_FLAGS,
];

/** The version that a pom asks for. */
export function openSearchVersion(pom: string): string {
  return (
    /<opensearch.version>(.*)<\/opensearch.version>/.exec(readFileSync(pom, "utf8"))?.[1] ?? ""
  );
}

/** Compiles into a jar: with a folder on the class path the JVM would write no class cache. */
export async function compileLauncher({ jdk }: Pick<Recipe, "jdk">, folder: string): Promise<void> {
  const tool = (name: string): string => join(jdk.home, "bin", name);
  await run([tool("javac"), "-cp", classPath(folder), "-d", "classes", LAUNCHER], { folder });
  const contents = ["-C", "classes", ".", "-C", SOURCES, LOG_SETTINGS];
  await run([tool("jar"), "--create", "--file", "node.jar", ...contents], { folder });
}

export interface NodeCommand {
  /** Where everything that the node writes lies. */
  readonly folder: string;
  /** Names of classes. */
  readonly plugins: readonly string[];
  readonly settings: Readonly<Record<string, string>>;
  readonly jvmFlags: readonly string[];
}

/** The command line of a node. */
export function nodeCommand(
  installation: Installation,
  { folder, plugins, settings, jvmFlags }: NodeCommand,
): readonly string[] {
  const temporary = join(folder, "tmp");
  mkdirSync(temporary);
  return [
    join(installation.jdk.home, "bin", "java"),
    ...HEAP_FLAGS,
    ...JVM_FLAGS,
    ...jvmFlags,
    `-Djava.io.tmpdir=${temporary}`,
    "-cp",
    classPath(installation.folder),
    "OpenSearchNode",
    folder,
    plugins.join(","),
    ...Object.entries({ ...TEST_SETTINGS, ...settings }).map(([name, value]) => `${name}=${value}`),
  ];
}
