import type { EventLocation } from "../../connector/event_location.ts";

const DECOMPRESSORS: Readonly<Record<string, string>> = { gz: "gzip -dc", zst: "zstd -dc" };

/** The command by which a person looks at one line of a file. */
export function lookAtLine(path: string, { line, sequence }: EventLocation): string {
  const shown = shellWord(path);
  const decompress = DECOMPRESSORS[path.split(".").at(-1) ?? ""];
  const pick =
    line === undefined ? `tail -c +${sequence + 1n} | head -n 1` : `sed -n '${line}{p;q}'`;
  if (decompress !== undefined) return `${decompress} ${shown} | ${pick}`;
  return line === undefined ? `cat ${shown} | ${pick}` : `${pick} ${shown}`;
}

function shellWord(text: string): string {
  return /^[A-Za-z0-9_./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
