/** Finds a JDK of this machine that is new enough for a server. */

import { existsSync, globSync, readFileSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { KonnError } from "../../core/base/errors.ts";

/** An installed JDK. */
export interface Jdk {
  /** Its folder, the value of JAVA_HOME. */
  readonly home: string;
  /** 17 for 17.0.15. */
  readonly major: number;
  /** The text of its `release` file, which tells one build of a JDK from another. */
  readonly release: string;
}

const JDK_FOLDERS = ["/usr/lib/jvm/*", "/Library/Java/JavaVirtualMachines/*/Contents/Home"];

/**
 * The first JDK (with a compiler) of at least the given major version: JAVA_HOME, then `java` on
 * the PATH, then the folders where Linux and macOS keep them.
 *
 * @throws KonnError JDK_NOT_FOUND, saying which version is missing
 */
export function findJdk(minimumMajor: number): Jdk {
  for (const home of candidateHomes()) {
    const jdk = readJdk(home);
    if (jdk !== undefined && jdk.major >= minimumMajor) return jdk;
  }
  throw new KonnError(`Cannot find a JDK: none of version ${minimumMajor} or newer is installed`, {
    code: "JDK_NOT_FOUND",
    hint: `Install JDK ${minimumMajor} or newer and set JAVA_HOME, start Docker, or set KONN_TEST_KAFKA and KONN_TEST_OPENSEARCH to running services`,
  });
}

function candidateHomes(): string[] {
  const homes: string[] = [];
  const fromEnvironment = process.env["JAVA_HOME"];
  if (fromEnvironment !== undefined && fromEnvironment !== "") homes.push(fromEnvironment);
  const onPath = Bun.which("java");
  // HOME/bin/java, behind the links of update-alternatives.
  if (onPath !== null) homes.push(dirname(dirname(realpathSync(onPath))));
  for (const pattern of JDK_FOLDERS) homes.push(...globSync(pattern).toSorted());
  return homes;
}

function readJdk(home: string): Jdk | undefined {
  const releaseFile = join(home, "release");
  if (!existsSync(releaseFile) || !existsSync(join(home, "bin", "javac"))) return undefined;
  const release = readFileSync(releaseFile, "utf8");
  const major = Number(/^JAVA_VERSION="(\d+)/m.exec(release)?.[1]);
  return Number.isNaN(major) ? undefined : { home, major, release };
}
