/** A JVM's cache of loaded classes: it halves the time that a server takes to start. */

import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Installation } from "./install.ts";

/** The first JDK with ahead-of-time caches made in one run; older ones have AppCDS. */
const AOT_JDK_MAJOR = 25;

/** A JVM may fail to find its own adapters in the cache, and then warns at each start. */
const NO_ADAPTERS = [
  "-XX:+IgnoreUnrecognizedVMOptions",
  "-XX:+UnlockDiagnosticVMOptions",
  "-XX:-AOTAdapterCaching",
];

/** The flags to start with: none when there is no cache. A stale one is ignored by the JVM. */
export function useClassCache(installation: Installation): string[] {
  const file = cacheFile(installation);
  if (!existsSync(file)) return [];
  if (installation.jdk.major >= AOT_JDK_MAJOR) return [...NO_ADAPTERS, `-XX:AOTCache=${file}`];
  return [`-XX:SharedArchiveFile=${file}`];
}

/** The flags with which the server writes the cache as it ends. */
export function makeClassCache(installation: Installation): string[] {
  const file = cacheFile(installation);
  // An earlier attempt may have been killed while it wrote.
  rmSync(file, { force: true });
  if (installation.jdk.major >= AOT_JDK_MAJOR) return [`-XX:AOTCacheOutput=${file}`];
  return [`-XX:ArchiveClassesAtExit=${file}`];
}

/** How long the JVM may take to end when it writes the cache. */
export const MAKE_CLASS_CACHE_TIMEOUT_MS = 120_000;

function cacheFile(installation: Installation): string {
  return join(installation.folder, "classes.cache");
}
