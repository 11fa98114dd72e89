/** Gets jars by Maven, through the settings and the local repository of its user. */

import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { KonnError } from "../../core/base/errors.ts";
import { findJdk } from "./jdk.ts";
import { withLock } from "./lock.ts";
import { run } from "./run.ts";

const COPY_DEPENDENCIES =
  "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies";

/** The oldest JDK that any of our servers runs on; Maven itself is content with less. */
const MAVEN_JDK_MAJOR = 17;

/**
 * Puts the jars that a pom.xml names, and those that they need, into `FOLDER/lib`.
 *
 * Maven processes may spoil each other's local repository, so ours take turns on `lockFile`.
 */
export async function copyDependencies(
  pom: string,
  options: { folder: string; lockFile: string },
): Promise<void> {
  const maven = Bun.which("mvn");
  if (maven === null) {
    throw new KonnError("Cannot install the test services: mvn is not on the PATH", {
      code: "MAVEN_NOT_FOUND",
      hint: "Install Maven, start Docker, or set KONN_TEST_KAFKA and KONN_TEST_OPENSEARCH to running services",
    });
  }
  const { folder } = options;
  copyFileSync(pom, join(folder, "pom.xml"));
  const command = [maven, "--batch-mode", "--quiet", COPY_DEPENDENCIES];
  command.push("-DoutputDirectory=lib", "-DincludeScope=runtime");
  const environment = { JAVA_HOME: findJdk(MAVEN_JDK_MAJOR).home };
  await withLock(options.lockFile, () => run(command, { folder, environment }));
}
