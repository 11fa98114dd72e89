import { readFileSync } from "node:fs";
import { join } from "node:path";

const DOCKERFILE = join(import.meta.dir, "..", "..", "Dockerfile");

/** What an engine does with the image: the last stage of the Dockerfile, as far as it says so. */
export interface ImageConfig {
  readonly environment: Readonly<Record<string, string>>;
  readonly uid: number;
  readonly gid: number;
  readonly workdir: string;
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  readonly healthcheck: readonly string[];
  readonly volume: string;
}

/** Reads the last stage of the project's Dockerfile. Throws when it lacks one of the parts. */
export function imageConfig(): ImageConfig {
  const stage = instructionsOf(
    readFileSync(DOCKERFILE, "utf8")
      .split(/^FROM .*$/m)
      .at(-1) ?? "",
  );
  const one = (name: string): string => {
    const found = stage.filter(([own]) => own === name).map(([, text]) => text);
    if (found.length !== 1) throw new Error(`The Dockerfile has ${found.length} of ${name}`);
    return found[0] ?? "";
  };
  const [uid, gid] = one("USER").split(":").map(Number);
  if (uid === undefined || gid === undefined) throw new Error("USER is no pair of numbers");
  const [volume = ""] = words(one("VOLUME"));
  return {
    environment: Object.fromEntries(
      one("ENV")
        .split(/\s+/)
        .map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]),
    ),
    uid,
    gid,
    workdir: one("WORKDIR"),
    entrypoint: words(one("ENTRYPOINT")),
    command: words(one("CMD")),
    healthcheck: words(/\bCMD (.*)$/.exec(one("HEALTHCHECK"))?.[1] ?? ""),
    volume,
  };
}

/** Instructions with their continued lines joined, without comments. */
function instructionsOf(text: string): readonly (readonly [name: string, text: string])[] {
  const lines = text
    .split("\n")
    .filter((line) => !/^\s*(#|$)/.test(line))
    .join("\n")
    .replaceAll(/\\\n\s*/g, "")
    .split("\n");
  return lines.map((line) => {
    const at = line.indexOf(" ");
    return [line.slice(0, at), line.slice(at + 1).trim()];
  });
}

/** The exec form. The other one would put a shell between, which the image does not have. */
function words(text: string): readonly string[] {
  const list: unknown = JSON.parse(text);
  if (!Array.isArray(list)) throw new Error(`${text} is not in the exec form`);
  return list.map(String);
}
