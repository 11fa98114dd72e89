import { statSync } from "node:fs";
import { resolve } from "node:path";
import { KonnError } from "../base/errors.ts";
import { INDEX_NAME_RULE, isIndexName } from "../base/index_name.ts";
import { suggest } from "../base/suggest.ts";
import type { EventLocation } from "../connector/event_location.ts";
import type { Diagnosis } from "../connector/finding.ts";
import type { IndexInspector } from "../connector/index_inspector.ts";
import type { Sink, Source } from "../connector/mod.ts";
import type { Searcher } from "../search/mod.ts";
import type { Observer } from "../observe/observer.ts";
import { type ConnectorUrl, parseConnectorUrl } from "./connector_url.ts";
import type { KafkaSecurity } from "./kafka/security.ts";
import type { OpenSearchSecurity } from "./opensearch/security.ts";

/** What the settings say about both ends of a run. A connector takes what concerns it. */
export interface ConnectorOptions {
  readonly observer: Observer;
  readonly brokers: readonly string[];
  readonly openSearchUrl: string;
  /** How to enter either service. Asked for only where a run uses it. */
  readonly security: ConnectionSecurity;
  /** Whether the source goes on when it has reached its end. Not where it is not said. */
  readonly follow?: boolean | undefined;
  /** What the lines of a source are; told by their look where it is not said. */
  readonly readFormat?: "event" | "record" | undefined;
  /** What the lines of a sink are to be: records where it is not said. */
  readonly writeFormat?: "event" | "record" | undefined;
  readonly excludeTypes?: readonly string[] | undefined;
  /** Of which types a file source warns. Of none where the sink takes only what is searchable. */
  readonly canHoldSecrets?: ((type: string) => boolean) | undefined;
  readonly partitionsCount?: number | undefined;
  /** Of what a Kafka sink sends: none where it is not said. */
  readonly compression?: "none" | "gzip" | "snappy" | "lz4" | "zstd" | undefined;
  /** Of a topic that a sink makes, in addition to what konn gives its topics. */
  readonly topicConfig?: Readonly<Record<string, string>> | undefined;
  /** Where a Kafka sink keeps positions. */
  readonly positionsTopic?: string | undefined;
  /** Without transactions, also where they are possible. */
  readonly atLeastOnce?: boolean | undefined;
  /** What a file's stream is called, in place of its first line. */
  readonly streamName?: string | undefined;
  /** The line of a file to go on with, whatever was delivered. */
  readonly fromLine?: number | undefined;
  /** Entity types that an index leaves out. By default those that nobody searches. */
  readonly skipTypes?: readonly string[] | undefined;
  /** What an index sink does when the whole table is truncated. */
  readonly onTruncate?: "halt" | "ignore" | "rebuild" | undefined;
  /** Where it was, as a place in PostgreSQL's log, for an index that is built anew. */
  readonly truncatedAtLsn?: number | undefined;
  /** How long an index remembers what was deleted, in milliseconds. */
  readonly keepTombstonesMs?: number | undefined;
  /** Whether an index is built anew from a stream that has lost its beginning. */
  readonly acceptsLoss?: boolean | undefined;
  /** How many indexes that were replaced are kept. */
  readonly keepIndexesCount?: number | undefined;
  /** The consumer group that shares the partitions of a Kafka source. */
  readonly group?: string | undefined;
  /** Only look at what that group has done, and do not join it. */
  readonly viewsGroup?: boolean | undefined;
  /** What a file sink does with a file that is there already: refuse it where it is not said. */
  readonly existing?: "refuse" | "append" | "overwrite" | undefined;
}

/** Reads what the settings and their files say. Throws what is wrong with them. */
export interface ConnectionSecurity {
  readonly kafka: () => KafkaSecurity;
  readonly openSearch: () => OpenSearchSecurity;
}

/** What a connector counts its sequences in: events (offsets) or bytes. */
export type SequenceUnit = "events" | "bytes";

/** One kind of source, sink or both. Heavy modules are imported by the functions, when used. */
interface Connector {
  readonly source?: (url: ConnectorUrl, options: ConnectorOptions) => Promise<Source>;
  readonly sink?: (url: ConnectorUrl, options: ConnectorOptions) => Promise<Sink>;
  /** Looks into what the sink has written. */
  readonly inspector?: (url: ConnectorUrl, options: ConnectorOptions) => Promise<IndexInspector>;
  /** Searches what the sink has written. */
  readonly searcher?: (url: ConnectorUrl, options: SearcherOptions) => Promise<Searcher>;
  /** Looks at it from outside, as a source or as a sink, and says what would go wrong. */
  readonly diagnose?: (
    url: ConnectorUrl,
    options: ConnectorOptions & { readonly role: "source" | "sink" },
  ) => Promise<Diagnosis>;
  /** The command by which a person looks at one event of the source. */
  readonly look?: (url: ConnectorUrl, location: EventLocation) => Promise<string>;
  /** Whether a later run can go on where one stopped. */
  readonly resumable: boolean;
  readonly unit: SequenceUnit;
}

/** What the settings say about an index that is searched. */
export interface SearcherOptions extends Pick<ConnectorOptions, "openSearchUrl"> {
  readonly security: Pick<ConnectionSecurity, "openSearch">;
}

const FILE: Connector = {
  source: async ({ name: path }, { readFormat: format, follow = false, ...options }) => {
    const { createJsonlSource } = await import("./jsonl/reader.ts");
    return createJsonlSource({ ...options, path, format, follow });
  },
  sink: async ({ name }, { writeFormat = "record", existing = "refuse", observer }) => {
    const { createJsonlSink } = await import("./jsonl/writer.ts");
    return createJsonlSink({ path: name, format: writeFormat, existing, observer });
  },
  diagnose: async ({ name: path }) => {
    const { diagnoseFile } = await import("./jsonl/doctor.ts");
    return (signal) => diagnoseFile(path, signal);
  },
  look: async ({ name }, location) => {
    const { lookAtLine } = await import("./jsonl/look.ts");
    return lookAtLine(name, location);
  },
  resumable: true,
  unit: "bytes",
};

const KAFKA: Connector = {
  source: async (
    { name, hosts },
    { brokers, security, follow = false, group, viewsGroup, observer },
  ) => {
    const options = {
      ...security.kafka(),
      brokers: hosts?.split(",") ?? brokers,
      topics: name.split(","),
      follow,
      observer,
    };
    if (group !== undefined) {
      const { createGroupSource } = await import("./kafka/group_source.ts");
      return createGroupSource({ ...options, group, isViewer: viewsGroup });
    }
    const { createKafkaSource } = await import("./kafka/consumer.ts");
    return createKafkaSource(options);
  },
  sink: async (
    { name, hosts },
    { brokers, security, partitionsCount, atLeastOnce, compression = "none", ...options },
  ) => {
    const { createKafkaSink } = await import("./kafka/producer.ts");
    return createKafkaSink({
      ...options,
      ...security.kafka(),
      brokers: hosts?.split(",") ?? brokers,
      topic: name,
      partitionsCount,
      compression,
      delivery: atLeastOnce ? "at-least-once" : "exactly-once",
    });
  },
  diagnose: async ({ name, hosts }, { brokers, security, role, group }) => {
    const { diagnoseKafka } = await import("./kafka/doctor.ts");
    const topics = name.split(",");
    const place = { brokers: hosts?.split(",") ?? brokers, topics, role, group };
    return (signal) => diagnoseKafka({ ...security.kafka(), ...place }, signal);
  },
  look: async ({ hosts = "" }, location) => {
    const { lookAtRecord } = await import("./kafka/look.ts");
    return lookAtRecord(hosts, location);
  },
  resumable: true,
  unit: "events",
};

const OPENSEARCH: Connector = {
  sink: async ({ scheme, name, hosts }, { openSearchUrl, security, ...options }) => {
    refuseIndexName(name);
    const { createOpenSearchSink } = await import("./opensearch/bulk_indexer.ts");
    const url = openSearchAddress({ scheme, hosts }, openSearchUrl);
    return createOpenSearchSink({ ...options, ...security.openSearch(), url, index: name });
  },
  inspector: async ({ scheme, name, hosts }, { openSearchUrl, security }) => {
    refuseIndexName(name);
    const { createOpenSearchInspector } = await import("./opensearch/inspector.ts");
    const url = openSearchAddress({ scheme, hosts }, openSearchUrl);
    return createOpenSearchInspector({ ...security.openSearch(), url, index: name });
  },
  searcher: async ({ scheme, name, hosts }, { openSearchUrl, security }) => {
    refuseIndexName(name);
    const { createOpenSearchSearcher } = await import("./opensearch/searcher.ts");
    const url = openSearchAddress({ scheme, hosts }, openSearchUrl);
    return createOpenSearchSearcher({ ...security.openSearch(), url, index: name });
  },
  diagnose: async ({ scheme, name, hosts }, { openSearchUrl, security }) => {
    refuseIndexName(name);
    const { diagnoseOpenSearch } = await import("./opensearch/doctor.ts");
    const url = openSearchAddress({ scheme, hosts }, openSearchUrl);
    return (signal) => diagnoseOpenSearch({ ...security.openSearch(), url, index: name }, signal);
  },
  resumable: true,
  unit: "events",
};

const SQLITE: Connector = {
  sink: async ({ name }, options) => {
    const { createSqliteSink } = await import("./sqlite/indexer.ts");
    return createSqliteSink({ ...options, path: name });
  },
  searcher: async ({ name }) => {
    const { createSqliteSearcher } = await import("./sqlite/searcher.ts");
    return createSqliteSearcher({ path: name });
  },
  resumable: true,
  unit: "events",
};

/** Counts what an index would be given. */
const DRY_RUN: Connector = {
  sink: async (_url, { onTruncate = "halt", skipTypes }) => {
    const { createDryRunSink } = await import("./dry_run/sink.ts");
    return createDryRunSink({ onTruncate, skipTypes });
  },
  resumable: false,
  unit: "events",
};

/** The table of connectors by URL scheme. A new connector is a folder and a line here. */
const CONNECTORS: Readonly<Record<string, Connector>> = {
  "-": { ...FILE, resumable: false },
  file: FILE,
  kafka: KAFKA,
  opensearch: OPENSEARCH,
  opensearchs: OPENSEARCH,
  sqlite: SQLITE,
  "dry-run": DRY_RUN,
};

/** One end of a run, not yet opened. */
export interface ConnectorEnd<End> {
  readonly end: End;
  readonly resumable: boolean;
  readonly unit: SequenceUnit;
}

/** Makes the source that a URL names. Throws a usage error when there is none. */
export async function createSource(
  url: string,
  options: ConnectorOptions,
): Promise<ConnectorEnd<Source>> {
  const parsed = parseConnectorUrl(url);
  const connector = findConnector(parsed);
  if (!connector.source) throw cannotBe("read from", parsed.scheme);
  const { resumable, unit } = connector;
  return { end: await connector.source(parsed, options), resumable, unit };
}

/** Makes the sink that a URL names. Throws a usage error when there is none. */
export async function createSink(
  url: string,
  options: ConnectorOptions,
): Promise<ConnectorEnd<Sink>> {
  const parsed = parseConnectorUrl(url);
  const connector = findConnector(parsed);
  if (!connector.sink) throw cannotBe("write to", parsed.scheme);
  const { resumable, unit } = connector;
  return { end: await connector.sink(parsed, options), resumable, unit };
}

/** Makes the inspector of the index that a URL names. Throws a usage error when it is none. */
export async function createInspector(
  url: string,
  options: ConnectorOptions,
): Promise<IndexInspector> {
  const parsed = parseConnectorUrl(url);
  const { inspector } = findConnector(parsed);
  if (inspector) return await inspector(parsed, options);
  throw new KonnError(`Cannot look into ${parsed.scheme}: it is no index`, {
    code: "CONNECTOR_NO_INDEX",
    kind: "usage",
    hint: "Indexes: opensearch:INDEX.",
  });
}

/** Makes the searcher of the index that a URL names. Throws a usage error when it has none. */
export async function createSearcher(url: string, options: SearcherOptions): Promise<Searcher> {
  const parsed = parseConnectorUrl(url);
  const { searcher } = findConnector(parsed);
  if (searcher) return await searcher(parsed, options);
  throw new KonnError(`Cannot search ${parsed.scheme}: konn does not search it itself`, {
    code: "CONNECTOR_NO_SEARCH",
    kind: "usage",
    hint: "Searched indexes: opensearch:INDEX, sqlite:FILE.",
  });
}

/** Makes what looks at one end of a run from outside. Throws a usage error where nothing does. */
export async function createDiagnosis(
  url: string,
  options: ConnectorOptions & { readonly role: "source" | "sink" },
): Promise<Diagnosis> {
  const parsed = parseConnectorUrl(url);
  const { diagnose } = findConnector(parsed);
  if (diagnose) return await diagnose(parsed, options);
  throw new KonnError(`Cannot look at ${parsed.scheme} from outside`, {
    code: "CONNECTOR_NO_DIAGNOSIS",
    kind: "usage",
  });
}

/** The command by which a person looks at one event of a source; undefined where there is none. */
export async function lookAtEvent(
  url: string,
  location: EventLocation,
): Promise<string | undefined> {
  const parsed = parseConnectorUrl(url);
  return await findConnector(parsed).look?.(parsed, location);
}

/** The address in the URL, else the one of the settings. */
function openSearchAddress(
  { scheme, hosts }: Pick<ConnectorUrl, "scheme" | "hosts">,
  openSearchUrl: string,
): string {
  if (hosts === undefined) return openSearchUrl;
  return `${scheme === "opensearchs" ? "https" : "http"}://${hosts}`;
}

/** Throws when both ends are one file: writing would destroy what is read. */
export function refuseSameFile(from: string, to: string): void {
  const [source, sink] = [parseConnectorUrl(from), parseConnectorUrl(to)];
  if (source.scheme !== "file" || sink.scheme !== "file") return;
  if (fileIdentity(source.name) !== fileIdentity(sink.name)) return;
  throw new KonnError(`Cannot read and write ${source.name} at the same time`, {
    code: "SAME_PLACE",
    kind: "usage",
    hint: "Name another file with --to.",
  });
}

/** The file behind a path, links and hard links included. */
function fileIdentity(path: string): string {
  const found = statSync(path, { throwIfNoEntry: false, bigint: true });
  return found ? `${found.dev} ${found.ino}` : resolve(path);
}

/** Before anything is connected to: OpenSearch would refuse it only when both ends are open. */
function refuseIndexName(name: string): void {
  if (isIndexName(name)) return;
  throw new KonnError(`Cannot use the index name ${JSON.stringify(name)}`, {
    code: "INDEX_NAME_INVALID",
    kind: "usage",
    hint: `OpenSearch takes ${INDEX_NAME_RULE}.`,
  });
}

function findConnector({ scheme }: ConnectorUrl): Connector {
  const connector = Object.hasOwn(CONNECTORS, scheme) ? CONNECTORS[scheme] : undefined;
  if (connector) return connector;
  const meant = suggest(scheme, Object.keys(CONNECTORS));
  throw new KonnError(`Cannot use ${scheme}: there is no connector of that name`, {
    code: "CONNECTOR_UNKNOWN",
    kind: "usage",
    hint: `${meant ? `Did you mean ${meant}:? ` : ""}A path with a colon is written file:PATH.`,
  });
}

function cannotBe(verb: string, scheme: string): KonnError {
  return new KonnError(
    `Cannot ${verb} ${scheme}: it can only be ${verb === "read from" ? "written to" : "read from"}`,
    {
      code: "CONNECTOR_ONE_WAY",
      kind: "usage",
      hint: "Sources: FILE, -, kafka:TOPIC. Sinks: FILE, -, kafka:TOPIC, opensearch:INDEX, sqlite:FILE.",
    },
  );
}
