import type {
  Batch,
  Identity,
  Lane,
  Message,
  Position,
  ReadOptions,
  Source,
} from "../../core/connector/mod.ts";
import { NO_TIMESTAMP } from "../../core/connector/mod.ts";

/** A message of a fake lane. */
export function message(sequence: bigint, key: string, value: string | null): Message {
  return {
    sequence,
    key: Buffer.from(key),
    value: value === null ? null : Buffer.from(value),
    headers: [],
    timestampMs: NO_TIMESTAMP,
  };
}

export interface MemorySourceOptions {
  readonly lanes: Readonly<Record<Lane, readonly Message[]>>;
  /** Where a lane begins that has lost its first messages: it says so with a batch of none. */
  readonly starts?: Readonly<Record<Lane, bigint>>;
  readonly batchCount?: number;
  readonly identity?: Identity;
  /** Stays open at the end until it is stopped. */
  readonly follow?: boolean;
}

/** A source that holds its messages in memory. Positions are indexes into a lane. */
export class MemorySource implements Source {
  readonly commits: ReadonlyMap<Lane, Position>[] = [];
  disposedCount = 0;
  readonly #options: MemorySourceOptions;

  constructor(options: MemorySourceOptions) {
    this.#options = options;
  }

  open() {
    return Promise.resolve({
      address: "memory:source",
      identity: this.#options.identity ?? { id: "a" },
    });
  }

  ends() {
    const { lanes } = this.#options;
    return Promise.resolve(
      new Map(Object.entries(lanes).map(([lane, list]) => [lane, endOf(list)])),
    );
  }

  async *read({ from, stop, maxEventsCount = Infinity }: ReadOptions): AsyncIterable<Batch> {
    const { lanes, starts = {}, batchCount = 2, follow } = this.#options;
    let left = maxEventsCount;
    for (const [lane, list] of Object.entries(lanes)) {
      const start = starts[lane];
      if (start !== undefined && !from.has(lane)) {
        yield { ...batchOf(lane, [], "0"), nextSequence: start };
      }
      for (let at = Number(from.get(lane) ?? 0); at < list.length && left > 0;) {
        if (stop.aborted) return;
        const messages = list.slice(at, at + Math.min(batchCount, left));
        at += messages.length;
        left -= messages.length;
        yield batchOf(lane, messages, String(at));
      }
    }
    if (!follow || left === 0 || stop.aborted) return;
    await new Promise((resolve) => stop.addEventListener("abort", resolve, { once: true }));
  }

  positionAt(lane: Lane, sequence: bigint): Promise<Position | undefined> {
    const list = this.#options.lanes[lane] ?? [];
    const at = list.findIndex((one) => one.sequence >= sequence);
    const isGone = sequence < (this.#options.starts?.[lane] ?? 0n);
    return Promise.resolve(isGone ? undefined : String(at < 0 ? list.length : at));
  }

  commit(durable: ReadonlyMap<Lane, Position>) {
    this.commits.push(durable);
    return Promise.resolve();
  }

  [Symbol.asyncDispose]() {
    this.disposedCount += 1;
    return Promise.resolve();
  }
}

/** A batch of messages as a source would yield it. */
export function batchOf(lane: Lane, messages: readonly Message[], position: Position): Batch {
  return {
    lane,
    messages,
    position,
    nextSequence: endOf(messages),
    rejections: [],
    skipped: {},
    sizeBytes: messages.reduce((sum, { value }) => sum + (value?.length ?? 0) + 100, 0),
  };
}

function endOf(messages: readonly Message[]): bigint {
  return (messages.at(-1)?.sequence ?? -1n) + 1n;
}
