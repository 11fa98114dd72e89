/** Installs a server once into a cache folder that all runs share. */

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { messageOf } from "../../core/base/errors.ts";
import type { Jdk } from "./jdk.ts";
import { withLock } from "./lock.ts";
import { copyDependencies } from "./maven.ts";

/** What is to be installed. */
export interface Recipe {
  /** Part of the folder's name. */
  readonly name: string;
  /** Name and version, for messages. */
  readonly title: string;
  readonly jdk: Jdk;
  /** The path of the pom.xml that names the jars. */
  readonly pom: string;
  /** Every text that decides what the install looks like, beside the JDK and the pom. */
  readonly inputs: readonly string[];
  /** Adds to the folder what Maven does not bring. */
  complete?(folder: string, options: { readonly lockFile: string }): Promise<void>;
  /**
   * Starts and stops the server once so that it leaves a cache of its loaded classes, which makes
   * each later start quicker. Nothing depends on its success.
   */
  train(installation: Installation): Promise<void>;
}

/** A server that is ready to be started. */
export interface Installation {
  readonly jdk: Jdk;
  readonly folder: string;
}

/**
 * The installation of a recipe: found in the cache, else made.
 *
 * Its folder's name holds a hash of all that defines it, so a changed recipe is a new one. It is
 * made beside its place and renamed into it, so that it is there as a whole or not at all.
 */
export async function install(recipe: Recipe): Promise<Installation> {
  const cache = cacheFolder();
  const folder = join(cache, `${recipe.name}-${await fingerprint(recipe)}`);
  const installation = { jdk: recipe.jdk, folder };
  const trained = join(folder, "trained");
  if (existsSync(trained)) return installation;

  mkdirSync(cache, { recursive: true });
  await withLock(`${folder}.lock`, async () => {
    if (existsSync(trained)) return;
    const startMs = Date.now();
    report(`Installing ${recipe.title} by Maven (once) ...`);
    if (!existsSync(folder)) await make(recipe, folder);
    // The class cache records the paths of the jars, so it is made after the rename.
    writeFileSync(trained, await train(recipe, installation));
    report(`Installed ${recipe.title} in ${((Date.now() - startMs) / 1000).toFixed(1)} s`);
  });
  return installation;
}

async function make(recipe: Recipe, folder: string): Promise<void> {
  // Left by an install that was killed; we hold the lock, so nobody works there.
  const parts = new Bun.Glob(`${folder.slice(cacheFolder().length + 1)}.part-*`);
  for (const part of parts.scanSync({ cwd: cacheFolder(), onlyFiles: false, absolute: true })) {
    rmSync(part, { recursive: true, force: true });
  }
  const part = mkdtempSync(`${folder}.part-`);
  try {
    const lockFile = join(cacheFolder(), "maven.lock");
    await copyDependencies(recipe.pom, { folder: part, lockFile });
    await recipe.complete?.(part, { lockFile });
    renameSync(part, folder);
  } catch (error) {
    rmSync(part, { recursive: true, force: true });
    throw error;
  }
}

async function train(recipe: Recipe, installation: Installation): Promise<string> {
  try {
    await recipe.train(installation);
    return "done\n";
  } catch (error) {
    report(`${recipe.title} will start slower: ${messageOf(error)}`);
    return `failed: ${messageOf(error)}\n`;
  }
}

/** The folder that holds all installs of this user. */
function cacheFolder(): string {
  const own = process.env["KONN_SERVICES_CACHE"];
  if (own !== undefined && own !== "") return own;
  const shared = process.env["XDG_CACHE_HOME"];
  const base = shared !== undefined && shared !== "" ? shared : join(homedir(), ".cache");
  return join(base, "konn-services");
}

async function fingerprint(recipe: Recipe): Promise<string> {
  const pom = await Bun.file(recipe.pom).text();
  const parts = [pom, recipe.jdk.home, recipe.jdk.release, ...recipe.inputs];
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 12);
}

function report(line: string): void {
  process.stderr.write(`${line}\n`);
}
