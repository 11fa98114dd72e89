import * as v from "valibot";
import { INDEX_NAME_RULE, isIndexName } from "../base/index_name.ts";

/**
 * The kinds of values that settings have. Each takes the text of a flag, of an environment variable
 * or of a line in the configuration file, and says in its message what it would have taken.
 */

const MS_PER_UNIT: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

const DURATION = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/;
const RATE = /^(\d+(?:\.\d+)?)\/s$/;
const FACTOR = /^(\d+(?:\.\d+)?)x$/;
const ADDRESS = /^(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:]+\]):(\d{1,5})$/;

/** `60s`, `500ms`, `5m`, `24h` -> milliseconds. */
export const duration = v.pipe(
  v.string(),
  v.regex(DURATION, "a number with a unit: 500ms, 60s, 5m, 24h, 7d"),
  v.transform((text) => {
    const [, amount, unit] = DURATION.exec(text) ?? [];
    return Number(amount) * (MS_PER_UNIT[unit ?? ""] ?? 0);
  }),
);

/** `500/s` -> events per second. */
export const rate = v.pipe(
  v.string(),
  v.regex(RATE, "events per second: 500/s"),
  v.transform((text) => Number(RATE.exec(text)?.[1])),
  v.gtValue(0, "more than 0/s"),
);

/** `10x` -> 10. */
export const factor = v.pipe(
  v.string(),
  v.regex(FACTOR, "a multiple of the original speed: 1x, 10x, 0.5x"),
  v.transform((text) => Number(FACTOR.exec(text)?.[1])),
  v.gtValue(0, "more than 0x"),
);

/** A whole number from `min` up. */
export function count(min: number) {
  return v.pipe(
    v.string(),
    v.regex(/^\d{1,15}$/, `a whole number from ${min}`),
    v.transform(Number),
    v.minValue(min, `a whole number from ${min}`),
  );
}

/** `a,b` -> ["a", "b"]. */
export const list = v.pipe(
  v.string(),
  v.transform((text) =>
    text
      .split(",")
      .map((item) => item.trim())
      .filter((item) => item !== ""),
  ),
  v.minLength(1, "at least one name: a,b"),
);

/** `a=1,b=2` -> { a: "1", b: "2" }. */
export const pairs = v.pipe(
  list,
  v.everyItem((item) => /^[^=]+=/.test(item), "NAME=VALUE, or several with commas between"),
  v.transform((items): Readonly<Record<string, string>> => {
    const split = items.map((item): [string, string] => {
      const equals = item.indexOf("=");
      return [item.slice(0, equals).trim(), item.slice(equals + 1).trim()];
    });
    return Object.fromEntries(split);
  }),
);

/** `host:9092,other:9092`. */
export const brokers = v.pipe(
  list,
  v.everyItem((item) => isAddress(item), "HOST:PORT, or several with commas between"),
);

const LISTEN_ADDRESS = /^(?:(?<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:]+\])?:)?(?<port>\d{1,5})$/;
const MAX_PORT = 65_535;

/** `127.0.0.1:9464`, `[::1]:9464`, or a port of this machine alone: `9464`, `:9464`. */
export const listenAddress = v.pipe(
  v.string(),
  v.check((text) => {
    const port = LISTEN_ADDRESS.exec(text)?.groups?.["port"];
    return port !== undefined && Number(port) <= MAX_PORT;
  }, "HOST:PORT, or a PORT of this machine alone"),
  v.transform((text) => {
    const { host = "127.0.0.1", port } = LISTEN_ADDRESS.exec(text)?.groups ?? {};
    return { hostname: host.replace(/^\[|\]$/g, ""), port: Number(port) };
  }),
);

/** Names of topics: Kafka's own rule for them (`org.apache.kafka.common.internals.Topic`). */
export const topics = v.pipe(
  list,
  v.everyItem(
    (name) => /^[A-Za-z0-9._-]{1,249}$/.test(name) && name !== "." && name !== "..",
    "topic names of letters, digits, '.', '_' and '-', with commas between",
  ),
);

/** A base URL of an HTTP service. */
export const httpUrl = v.pipe(
  v.string(),
  v.check((text) => {
    const url = URL.parse(text);
    return url !== null && (url.protocol === "http:" || url.protocol === "https:");
  }, "a URL that begins with http:// or https://"),
  v.check((text) => {
    const url = URL.parse(text);
    return url?.username === "" && url.password === "";
  }, "a URL without user and password (opensearch-username, and KONN_OPENSEARCH_PASSWORD or opensearch-password-file)"),
);

const OPENSEARCH_URL = /^opensearchs?:(?:\/\/[^/@\s]+\/)?([^/]*)$/;

const SQLITE_URL = /^sqlite:./s;

/** An index or alias by its name or by its connector URL. */
export const index = v.pipe(
  v.string(),
  v.check(
    (text) => isIndexName(OPENSEARCH_URL.exec(text)?.[1] ?? text) || SQLITE_URL.test(text),
    `${INDEX_NAME_RULE}, or opensearch://HOST:PORT/NAME, or sqlite:FILE`,
  ),
);

/** Any text but none. */
export const text = v.pipe(v.string(), v.nonEmpty("a value"));

/** A user of HTTP's basic authentication, which puts a colon behind the name. */
export const userName = v.pipe(text, v.regex(/^[^:]+$/, "a name without a colon"));

/** One of some words. */
export function choice<const Options extends readonly string[]>(options: Options) {
  return v.picklist(options, `one of ${options.join(", ")}`);
}

/** A switch. The environment and the file may write it out. */
export const flag = v.pipe(
  v.union([v.boolean(), v.picklist(["true", "false", "1", "0"])], "true or false"),
  v.transform((value) => value === true || value === "true" || value === "1"),
);

/** A port of this machine. */
export const port = v.pipe(count(0), v.maxValue(MAX_PORT, `a port: 0 to ${MAX_PORT}`));

function isAddress(item: string): boolean {
  const number = Number(ADDRESS.exec(item)?.[1] ?? 0);
  return number > 0 && number <= MAX_PORT;
}
