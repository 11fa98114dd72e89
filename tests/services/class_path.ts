/** The class path of an installation. */

import { globSync } from "node:fs";
import { delimiter } from "node:path";

/**
 * All its jars, its own before those that Maven brought, in an order that never changes: a class
 * cache is only valid for the class path that it was made with.
 */
export function classPath(folder: string): string {
  const own = globSync(`${folder}/*.jar`).toSorted();
  const libraries = globSync(`${folder}/lib/*.jar`).toSorted();
  return [...own, ...libraries].join(delimiter);
}
