import * as v from "valibot";
import {
  brokers,
  choice,
  count,
  duration,
  factor,
  flag,
  httpUrl,
  index,
  list,
  listenAddress,
  pairs,
  port,
  rate,
  text,
  topics,
  userName,
} from "./values.ts";

/** A setting: one name in three spellings, as a flag, in the environment and in the file. */
export interface Setting<Value> {
  readonly schema: v.GenericSchema<unknown, Value>;
  readonly description: string;
  /** What stands for the value in the help; a setting without it is a switch. */
  readonly placeholder?: string;
  /** As it would be typed. */
  readonly default?: string;
  /** A secret: it has no flag, which every user of the machine could read, and no line in the file. */
  readonly environmentOnly?: true;
}

/**
 * Every setting there is, in the order of the help. A command names those that it takes.
 * A default belongs to the setting, so it is the same for all commands.
 */
export const SETTINGS = {
  from: optional(text, "FILE|URL", "where events come from: FILE, -, kafka:TOPIC"),
  to: optional(
    text,
    "FILE|URL",
    "where events go to: FILE, -, kafka:TOPIC, opensearch:INDEX, sqlite:FILE",
  ),
  brokers: withDefault(brokers, "HOST:PORT,...", "Kafka brokers to begin with", "localhost:9092"),
  topic: withDefault(topics, "NAME", "Kafka topic, or several: a,b", "cdc-events"),
  partitions: optional(count(1), "N", "partitions of a topic that konn makes (default: 3)"),
  compression: withDefault(
    choice(["none", "gzip", "snappy", "lz4", "zstd"]),
    "CODEC",
    "of the records in Kafka: none, gzip, snappy, lz4, zstd",
    "none",
  ),
  "topic-config": optional(pairs, "K=V,...", "of a topic that konn makes: segment.ms=600000"),
  "positions-topic": withDefault(
    text,
    "NAME",
    "topic in which exactly-once keeps its positions",
    "konn-positions",
  ),
  "at-least-once": toggle("do without transactions: a crash may repeat events"),
  stream: optional(text, "NAME", "name of the file's stream (default: known by its first line)"),
  "from-line": optional(count(1), "N", "go on with line N of the file, whatever was replayed"),
  "opensearch-url": withDefault(httpUrl, "URL", "OpenSearch", "http://localhost:9200"),
  index: withDefault(index, "NAME|URL", "the alias of the index, or its URL", "cdc"),
  format: optional(
    choice(["event", "record"]),
    "FORMAT",
    "of JSON lines: event, record (as kcat -J); a file that is read shows it by its look",
  ),
  append: toggle("add to an output file that exists"),
  overwrite: toggle("replace an output file that exists"),
  group: optional(text, "NAME", "share the topic with other konn, by Kafka's consumer group NAME"),
  "from-beginning": toggle("start over: build a new index from the topic's start"),
  "accept-loss": toggle("start over even if the topic has lost its beginning"),
  keep: withDefault(count(0), "N", "indexes kept after --from-beginning, to go back to", "1"),
  again: toggle("send a file that was replayed already once more"),
  "until-end": toggle("stop at the end that the topic has now"),
  follow: toggle("go on when the end of the file is reached"),
  wait: optional(duration, "DUR", "wait so long for services that are still starting: 60s"),
  rate: optional(rate, "N/s", "at most so many events a second: 500/s"),
  speed: optional(factor, "Nx", "pace by the events' own times: 1x, 10x"),
  limit: optional(count(1), "N", "stop after so many events"),
  "exclude-types": optional(list, "TYPES", "leave out entity types: key,certificate"),
  "skip-types": withDefault(
    list,
    "TYPES",
    "entity types that an index leaves out",
    "store_event,hash,composite-status,node-status",
  ),
  "max-dead-letters": optional(count(0), "N", "fail when more events are refused"),
  "on-truncate": withDefault(
    choice(["halt", "ignore", "rebuild"]),
    "ACTION",
    "when the table is truncated: halt, ignore, rebuild",
    "halt",
  ),
  "keep-tombstones": withDefault(
    duration,
    "DUR",
    "how long the versions of deleted documents are kept",
    "24h",
  ),
  type: optional(list, "TYPES", "entity types that are searched: service,route"),
  "control-plane": optional(list, "IDS", "control planes that are searched, by their ids"),
  explain: toggle("say of each hit why it ranks there"),
  listen: optional(
    listenAddress,
    "HOST:PORT",
    "HTTP address for health and metrics: 127.0.0.1:9464",
  ),
  "ready-lag": withDefault(
    duration,
    "DUR",
    "/readyz says no when an event waits for longer",
    "60s",
  ),
  run: optional(text, "NAME", "the run, by its name or the beginning of it"),
  content: toggle("show the event itself, read again from its source; it may hold secrets"),
  late: toggle("retry also into a topic or a file, behind what came later"),
  yes: toggle("do not ask"),
  port: withDefault(
    port,
    "N",
    "port of the search bar; when it is taken, the next free one",
    "7700",
  ),
  "no-open": toggle("open no browser"),
  "token-file": optional(text, "FILE", "who may ask: bearer tokens, one a line, mode 0600"),
  "allow-host": optional(
    list,
    "NAMES",
    "names under which others reach the server: search.example",
  ),
  repair: toggle("write anew what differs"),
  "dry-run": toggle("read and count, write nothing"),
  "kafka-tls": toggle("speak TLS with Kafka"),
  "kafka-ca-file": optional(text, "FILE", "PEM of whom to trust (default: the system's CAs)"),
  "kafka-cert-file": optional(text, "FILE", "PEM of a client certificate"),
  "kafka-key-file": optional(text, "FILE", "PEM of its private key, mode 0600"),
  "kafka-sasl-mechanism": optional(
    choice(["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]),
    "NAME",
    "PLAIN, SCRAM-SHA-256, SCRAM-SHA-512",
  ),
  "kafka-username": optional(text, "NAME", "user of Kafka"),
  "kafka-password": secret("password of the Kafka user"),
  "kafka-password-file": optional(text, "FILE", "holds the password, mode 0600"),
  "opensearch-ca-file": optional(text, "FILE", "PEM of whom to trust (default: the system's CAs)"),
  "opensearch-cert-file": optional(text, "FILE", "PEM of a client certificate"),
  "opensearch-key-file": optional(text, "FILE", "PEM of its private key, mode 0600"),
  "opensearch-username": optional(userName, "NAME", "user of OpenSearch"),
  "opensearch-password": secret("password of the OpenSearch user"),
  "opensearch-password-file": optional(text, "FILE", "holds the password, mode 0600"),
  insecure: toggle("let passwords go without TLS to other machines"),
  config: optional(text, "FILE", "settings as TOML (default: konn.toml when present)"),
  "state-dir": withDefault(text, "DIR", "checkpoints, locks, dead letters", ".konn"),
  "log-format": optional(
    choice(["pretty", "json"]),
    "FORMAT",
    "pretty, json (default: pretty on a terminal)",
  ),
  "log-level": withDefault(
    choice(["debug", "info", "warn", "error"]),
    "LEVEL",
    "debug, info, warn, error",
    "info",
  ),
  quiet: toggle("no progress and no summary, only warnings and errors"),
  json: toggle("the result as one JSON object on stdout"),
  "no-color": toggle("no colours (also NO_COLOR)"),
} as const satisfies Record<string, Setting<unknown>>;

export type SettingName = keyof typeof SETTINGS;

/** The values of some settings, by name. */
export type Settings<Names extends SettingName> = {
  readonly [Name in Names]: v.InferOutput<(typeof SETTINGS)[Name]["schema"]>;
};

/** Settings that every command takes. */
export const COMMON_SETTINGS = [
  "config",
  "state-dir",
  "log-format",
  "log-level",
  "quiet",
  "json",
  "no-color",
] as const satisfies readonly SettingName[];

/** How Kafka is reached and entered. */
export const KAFKA_SECURITY_SETTINGS = [
  "kafka-tls",
  "kafka-ca-file",
  "kafka-cert-file",
  "kafka-key-file",
  "kafka-sasl-mechanism",
  "kafka-username",
  "kafka-password",
  "kafka-password-file",
  "insecure",
] as const satisfies readonly SettingName[];

/** How OpenSearch is reached and entered. */
export const OPENSEARCH_SECURITY_SETTINGS = [
  "opensearch-ca-file",
  "opensearch-cert-file",
  "opensearch-key-file",
  "opensearch-username",
  "opensearch-password",
  "opensearch-password-file",
  "insecure",
] as const satisfies readonly SettingName[];

/** The values that a setting can have, where it is one of some words; else none. */
export function choicesOf(name: SettingName): readonly string[] {
  let schema: object = SETTINGS[name].schema;
  while ("wrapped" in schema && schema.wrapped instanceof Object) schema = schema.wrapped;
  return "options" in schema && Array.isArray(schema.options) ? schema.options.map(String) : [];
}

/** Whether a setting is a secret, which only the environment may hold. */
export function isEnvironmentOnly(name: string): boolean {
  const setting: Setting<unknown> | undefined = isSettingName(name) ? SETTINGS[name] : undefined;
  return setting?.environmentOnly === true;
}

function isSettingName(name: string): name is SettingName {
  return Object.hasOwn(SETTINGS, name);
}

/** `opensearch-url` -> `KONN_OPENSEARCH_URL`. */
export function environmentName(name: string): string {
  return `KONN_${name.toUpperCase().replaceAll("-", "_")}`;
}

function withDefault<Value>(
  schema: v.GenericSchema<unknown, Value>,
  placeholder: string,
  description: string,
  value: string,
) {
  return { schema, placeholder, description, default: value };
}

function optional<Value>(
  schema: v.GenericSchema<unknown, Value>,
  placeholder: string,
  description: string,
) {
  return { schema: v.optional(schema), placeholder, description };
}

function toggle(description: string) {
  return { schema: v.optional(flag, false), description };
}

function secret(description: string) {
  return {
    schema: v.optional(text),
    placeholder: "SECRET",
    description,
    environmentOnly: true as const,
  };
}
