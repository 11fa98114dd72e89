import type {
  Batch,
  Identity,
  Lane,
  Sink,
  SinkOpening,
  SinkOpenOptions,
  WriteReport,
} from "../../core/connector/mod.ts";

export interface MemorySinkOptions {
  readonly identity?: Identity;
  readonly positions?: SinkOpening["positions"];
  readonly isReplacement?: boolean;
  /** Called before each write; may wait or throw. */
  readonly beforeWrite?: (batch: Batch, signal: AbortSignal) => Promise<void> | void;
  /** Keys that are refused. */
  readonly refuse?: readonly string[];
  readonly lateWritesMs?: number | undefined;
}

/** A sink that keeps what it was given, in the order in which it was delivered. */
export class MemorySink implements Sink {
  readonly written: string[] = [];
  readonly opened: SinkOpenOptions[] = [];
  readonly checkpoints: ReadonlyMap<Lane, bigint>[] = [];
  caughtUpCount = 0;
  disposedCount = 0;
  readonly #options: MemorySinkOptions;

  constructor(options: MemorySinkOptions = {}) {
    this.#options = options;
  }

  get lateWritesMs(): number | undefined {
    return this.#options.lateWritesMs;
  }

  address() {
    return Promise.resolve("memory:sink");
  }

  open(options: SinkOpenOptions): Promise<SinkOpening> {
    this.opened.push(options);
    const { identity = { place: "memory" }, positions, isReplacement } = this.#options;
    return Promise.resolve({
      identity,
      state: "open",
      ...(positions && { positions }),
      ...(isReplacement && { isReplacement }),
    });
  }

  async write(batch: Batch, signal: AbortSignal): Promise<WriteReport> {
    await this.#options.beforeWrite?.(batch, signal);
    const { refuse = [] } = this.#options;
    const refused = batch.messages.filter(({ key }) => refuse.includes(textOf(key)));
    const kept = batch.messages.filter((message) => !refused.includes(message));
    this.written.push(...kept.map(({ key, value }) => `${textOf(key)}=${textOf(value)}`));
    return {
      written: kept.length,
      deleted: 0,
      skipped: {},
      rejections: refused.map(({ sequence }) => ({ sequence, code: "REFUSED", reason: "no" })),
    };
  }

  checkpointed(lanes: ReadonlyMap<Lane, bigint>) {
    this.checkpoints.push(lanes);
  }

  caughtUp() {
    this.caughtUpCount += 1;
    return Promise.resolve("shown");
  }

  [Symbol.asyncDispose]() {
    this.disposedCount += 1;
    return Promise.resolve();
  }
}

function textOf(bytes: Uint8Array | null): string {
  return bytes === null ? "null" : Buffer.from(bytes).toString();
}
