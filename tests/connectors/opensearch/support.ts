import type { Batch, Sink, SinkOpening, StreamIdentity } from "../../../core/connector/mod.ts";
import {
  createOpenSearchSink,
  type OpenSearchSinkOptions,
} from "../../../core/connectors/opensearch/bulk_indexer.ts";
import { type Observer, SILENT_OBSERVER } from "../../../core/observe/observer.ts";
import { batchOf, type Event } from "../../indexing/batches.ts";
import { sharedServices } from "../../services/mod.ts";

export const NEVER = new AbortController().signal;

export const STREAM: StreamIdentity = {
  address: "kafka://localhost:9092/cdc-events",
  identity: { cluster: "k1", "topic id": "t1" },
};
export const OTHER_STREAM: StreamIdentity = {
  address: "kafka://localhost:9092/cdc-events",
  identity: { cluster: "k1", "topic id": "t2" },
};

/** Plain HTTP, none of konn's code. The paths that it answers are those of OpenSearch. */
export class Cluster {
  readonly url: string;

  constructor(url: string) {
    this.url = url;
  }

  /** The one that all tests share. */
  static async shared(): Promise<Cluster> {
    return new Cluster((await sharedServices()).openSearch.url);
  }

  async request(
    path: string,
    method = "GET",
    body?: object,
  ): Promise<{ status: number; body: any }> {
    const response = await fetch(`${this.url}${path}`, {
      method,
      ...(body && {
        body: JSON.stringify(body),
        headers: { "content-type": "application/json" },
      }),
    });
    const text = await response.text();
    return { status: response.status, body: text === "" ? undefined : JSON.parse(text) };
  }

  /** The names of the documents behind an alias or in an index, by id. */
  async names(index: string): Promise<Record<string, string>> {
    await this.request(`/${index}/_refresh`, "POST");
    const { body } = await this.request(`/${index}/_search?size=10000`);
    const hits: any[] = body.hits.hits;
    return Object.fromEntries(hits.map(({ _id, _source }) => [_id, _source.name ?? null]));
  }

  /** A document with its version, tombstone or not. */
  async document(index: string, id: string): Promise<any> {
    const { body } = await this.request(`/${index}/_doc/${encodeURIComponent(id)}`);
    return body.found ? { version: body._version, ...body._source } : undefined;
  }

  /** The indexes behind an alias. */
  async behind(alias: string): Promise<string[]> {
    const { status, body } = await this.request(`/_alias/${alias}`);
    return status === 404 ? [] : Object.keys(body).toSorted();
  }

  /** All indexes that were made for an alias. */
  async madeFor(alias: string): Promise<string[]> {
    const { body } = await this.request(`/${alias}-*`);
    return Object.keys(body).toSorted();
  }
}

export function uniqueIndex(): string {
  return `test-${crypto.randomUUID()}`;
}

export interface OpenedSink extends AsyncDisposable {
  readonly sink: Sink;
  readonly opening: SinkOpening;
}

export interface OpenSinkOptions extends Partial<OpenSearchSinkOptions> {
  readonly url: string;
  readonly index: string;
  readonly stream?: StreamIdentity;
  readonly resume?: SinkOpening;
  readonly fromBeginning?: boolean;
}

/** A sink that is open. The error of opening is thrown, the sink closed then. */
export async function openSink({
  stream = STREAM,
  resume,
  fromBeginning = false,
  observer = SILENT_OBSERVER,
  ...options
}: OpenSinkOptions): Promise<OpenedSink> {
  const sink = createOpenSearchSink({ ...options, observer });
  try {
    const opening = await sink.open({ stream, resume, fromBeginning, signal: NEVER });
    return { sink, opening, [Symbol.asyncDispose]: () => sink[Symbol.asyncDispose]() };
  } catch (error) {
    await sink[Symbol.asyncDispose]();
    throw error;
  }
}

/** What a promise is rejected with. */
export async function errorOf(promise: Promise<unknown>): Promise<any> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("expected an error");
}

/** A batch whose messages begin at a sequence. */
export function batchAt(first: bigint, ...events: readonly Event[]): Batch {
  const batch = batchOf(...events);
  const messages = batch.messages.map((message, at) => ({
    ...message,
    sequence: first + BigInt(at),
  }));
  return { ...batch, messages };
}

/** Keeps what it hears. */
export class RecordingObserver implements Observer {
  readonly lines: string[] = [];
  retriedCount = 0;
  readonly log = {
    debug: () => undefined,
    info: (message: string) => void this.lines.push(`info ${message}`),
    warn: (message: string) => void this.lines.push(`warn ${message}`),
    error: (message: string) => void this.lines.push(`error ${message}`),
  };

  retried(count: number): void {
    this.retriedCount += count;
  }
}

/** Waits until a condition holds. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + 20_000;
  while (!(await condition())) {
    if (performance.now() > deadlineMs) throw new Error("waited 20 s in vain");
    await Bun.sleep(20);
  }
}
