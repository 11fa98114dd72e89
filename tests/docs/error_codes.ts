import { readFileSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dir, "..", "..");

/** A name in capitals with an underscore in it, in quotes: how konn writes its codes. */
const QUOTED = /"([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)"/g;
/** A code of one word, which only its place tells. */
const ASSIGNED = /\bcode: "([A-Z]+)"/g;
/** The second half of a code that begins with the name of a service. */
const HALF = /\}_([A-Z_]+)`/g;

/** What looks like a code and is none: variables, and the names of other systems' errors. */
const NO_CODES = /^(KONN_|NO_COLOR$|SQLITE_|ERR_)/;
const FILES_OF_OTHERS = new Set(["core/connectors/kafka/protocol_error.ts"]);
/** Kafka's names for what became of a producer. */
const KAFKA_PRODUCER_STATES =
  /^(OUT_OF_ORDER_SEQUENCE_NUMBER|UNKNOWN_PRODUCER_ID|INVALID_PRODUCER_EPOCH|INVALID_PRODUCER_ID_MAPPING|INVALID_TXN_STATE|TRANSACTION_COORDINATOR_FENCED|PRODUCER_FENCED)$/;
/** What can go wrong with TLS: each with the name of the service before it. */
const TLS_FILE = "core/base/tls_failure.ts";
const SERVICES = ["KAFKA", "OPENSEARCH"];

/** Every code in the source: of errors, of dead letters, of problems in `konn status`. */
export function codesOfSource(): ReadonlySet<string> {
  const codes = new Set<string>();
  for (const folder of ["cmd", "core"]) {
    for (const path of new Bun.Glob(`${folder}/**/*.ts`).scanSync({ cwd: ROOT })) {
      if (FILES_OF_OTHERS.has(path)) continue;
      const text = readFileSync(join(ROOT, path), "utf8");
      const names = [...text.matchAll(QUOTED), ...text.matchAll(ASSIGNED)].map(([, name]) => name);
      const halves = [...text.matchAll(HALF)].map(([, half]) => half);
      for (const half of path === TLS_FILE ? names : halves) {
        for (const service of SERVICES) codes.add(`${service}_${half}`);
      }
      for (const name of path === TLS_FILE ? [] : names) {
        if (name !== undefined && !NO_CODES.test(name) && !KAFKA_PRODUCER_STATES.test(name))
          codes.add(name);
      }
    }
  }
  return codes;
}

/** A code as the troubleshooting page tells of it. */
export interface CodeEntry {
  readonly code: string;
  /** The exit code that the page says; undefined for what ends no run. */
  readonly exitCode: number | undefined;
  /** What konn says: words in capitals and three dots stand for anything. */
  readonly says: string;
}

/** The rows of the page whose first cell names codes. */
export function codesOfPage(page: string): readonly CodeEntry[] {
  return page
    .split("\n")
    .filter((line) => line.startsWith("| `"))
    .flatMap((line) => {
      const [, names = "", exit = "", says = ""] = line
        .split(/(?<!\\)\|/)
        .map((cell) => cell.trim());
      const exitCode = /^\d$/.test(exit) ? Number(exit) : undefined;
      return [...names.matchAll(/`([A-Z0-9_]+)`/g)].map(([, code = ""]) => ({
        code,
        exitCode,
        says,
      }));
    });
}

/** Whether konn's words are those of the page. */
export function isAsTold(message: string, says: string): boolean {
  const pattern = says
    .split(/\.\.\.|\b[A-Z]{2,}(?::[A-Z]+)?\b|\bN\b/)
    .map((text) => text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`))
    .join(".*");
  return new RegExp(`^${pattern}$`, "s").test(message);
}
