/**
 * Stands between konn and OpenSearch and keeps what konn writes, so that the very same bodies can be
 * sent again without konn.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface RecordedBulk {
  /** Inside the folder of the recording. */
  readonly file: string;
  readonly documentsCount: number;
  /** Those that say what the body is. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface Recording {
  /** The body of the request that made the index. */
  readonly creation: string;
  readonly bulks: readonly RecordedBulk[];
}

const FACTS = "recording.json";
const BODY_HEADERS = ["content-type", "content-encoding"];
const MAX_BODY_BYTES = 256 * 1024 * 1024;

/** Passes on all requests to `url`, while it is not disposed of. */
export class BulkRecorder implements AsyncDisposable {
  readonly #folder: string;
  readonly #server: Bun.Server<undefined>;
  readonly #upstream: string;
  readonly #bulks: RecordedBulk[] = [];
  #creation = "";

  constructor(folder: string, upstream: string) {
    mkdirSync(folder, { recursive: true });
    this.#folder = folder;
    this.#upstream = upstream;
    this.#server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      idleTimeout: 0,
      maxRequestBodySize: MAX_BODY_BYTES,
      fetch: (request) => this.#passOn(request),
    });
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.port}`;
  }

  /** Writes down what the bodies are. */
  finish(): void {
    const recording: Recording = { creation: this.#creation, bulks: this.#bulks };
    writeFileSync(join(this.#folder, FACTS), JSON.stringify(recording));
  }

  async #passOn(request: Request): Promise<Response> {
    const { pathname, search } = new URL(request.url);
    const body = new Uint8Array(await request.arrayBuffer());
    if (pathname.endsWith("/_bulk")) this.#keep(body, request.headers);
    const isCreation = request.method === "PUT" && pathname.lastIndexOf("/") === 0;
    if (isCreation) this.#creation = new TextDecoder().decode(body);
    const headers = new Headers(request.headers);
    headers.delete("host");
    const answer = await fetch(`${this.#upstream}${pathname}${search}`, {
      method: request.method,
      headers,
      ...(body.length > 0 && { body }),
      decompress: false,
    });
    return new Response(answer.body, { status: answer.status, headers: answer.headers });
  }

  #keep(body: Uint8Array<ArrayBuffer>, headers: Headers): void {
    const file = `${this.#bulks.length}.ndjson`;
    writeFileSync(join(this.#folder, file), body);
    const kept = BODY_HEADERS.flatMap((name) => {
      const value = headers.get(name);
      return value === null ? [] : [[name, value] as const];
    });
    const plain = headers.get("content-encoding") === "gzip" ? Bun.gunzipSync(body) : body;
    const documentsCount = newlinesIn(plain) / 2;
    this.#bulks.push({ file, documentsCount, headers: Object.fromEntries(kept) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.stop(true);
  }
}

export async function readRecording(folder: string): Promise<Recording> {
  return await Bun.file(join(folder, FACTS)).json();
}

function newlinesIn(bytes: Uint8Array): number {
  let count = 0;
  for (let at = bytes.indexOf(10); at !== -1; at = bytes.indexOf(10, at + 1)) count += 1;
  return count;
}
