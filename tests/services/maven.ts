/** Gets jars by Maven, through the settings and the local repository of its user. */

import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { KonnError } from "../../core/base/errors.ts";
import { findJdk } from "./jdk.ts";
import { withLock } from "./lock.ts";
import { run } from "./run.ts";

const PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1";

/** The oldest JDK that any of our servers runs on; Maven itself is content with less. */
const MAVEN_JDK_MAJOR = 17;

export interface MavenOptions {
  readonly folder: string;
  /** Maven processes may spoil each other's local repository, so ours take turns on this file. */
  readonly lockFile: string;
}

/** Puts the jars that a pom.xml names, and those that they need, into `FOLDER/lib`. */
export async function copyDependencies(pom: string, options: MavenOptions): Promise<void> {
  copyFileSync(pom, join(options.folder, "pom.xml"));
  await maven(["copy-dependencies", "-DoutputDirectory=lib", "-DincludeScope=runtime"], options);
}

/** Unpacks an archive, `group:artifact:version:type`, into a folder within `FOLDER`. */
export async function unpackArtifact(
  artifact: string,
  { into, ...options }: MavenOptions & { readonly into: string },
): Promise<void> {
  await maven(["unpack", `-Dartifact=${artifact}`, `-DoutputDirectory=${into}`], options);
}

async function maven(
  [goal, ...words]: readonly string[],
  { folder, lockFile }: MavenOptions,
): Promise<void> {
  const tool = Bun.which("mvn");
  if (tool === null) {
    throw new KonnError("Cannot install the test services: mvn is not on the PATH", {
      code: "MAVEN_NOT_FOUND",
      hint: "Install Maven, start Docker, or set KONN_TEST_KAFKA and KONN_TEST_OPENSEARCH to running services",
    });
  }
  const command = [tool, "--batch-mode", "--quiet", `${PLUGIN}:${goal}`, ...words];
  const environment = { JAVA_HOME: findJdk(MAVEN_JDK_MAJOR).home };
  await withLock(lockFile, () => run(command, { folder, environment }));
}
