import type {
  Batch,
  Lane,
  LanePosition,
  Message,
  Position,
  ReadOptions,
  Source,
} from "../../core/connector/mod.ts";
import { batchOf } from "./memory_source.ts";

interface Kept {
  readonly position: Position;
  readonly note: string;
}

export interface MemoryGroupOptions {
  readonly lanes: Readonly<Record<Lane, readonly Message[]>>;
  readonly batchCount?: number;
}

/**
 * Lanes in memory that several sources share: one lane after the other belongs to one reading source
 * after the other, and is shared out anew at once when one comes or goes. Sequences are positions.
 */
export class MemoryGroup {
  readonly lanes: Readonly<Record<Lane, readonly Message[]>>;
  readonly batchCount: number;
  /** What decides where a lane goes on. */
  readonly kept = new Map<Lane, Kept>();
  readonly #members: SharedMemorySource[] = [];

  constructor({ lanes, batchCount = 2 }: MemoryGroupOptions) {
    this.lanes = lanes;
    this.batchCount = batchCount;
  }

  source({ follow }: { follow: boolean }): Source {
    return new SharedMemorySource(this, follow);
  }

  ends(): Map<Lane, bigint> {
    return new Map(Object.entries(this.lanes).map(([lane, list]) => [lane, BigInt(list.length)]));
  }

  /** Where each lane stands for whoever has this note. */
  positions(note: string): Map<Lane, LanePosition> {
    const own = [...this.kept].filter(([, kept]) => kept.note === note);
    return new Map(
      own.map(([lane, { position }]) => [lane, { position, nextSequence: BigInt(position) }]),
    );
  }

  join(member: SharedMemorySource): void {
    this.#members.push(member);
    this.#shareOut();
  }

  leave(member: SharedMemorySource): void {
    const at = this.#members.indexOf(member);
    if (at < 0) return;
    this.#members.splice(at, 1);
    this.#shareOut();
  }

  #shareOut(): void {
    const lanes = Object.keys(this.lanes);
    for (const [turn, member] of this.#members.entries()) {
      member.take(lanes.filter((_, at) => at % this.#members.length === turn));
    }
  }
}

class SharedMemorySource implements Source {
  readonly #group: MemoryGroup;
  readonly #follow: boolean;
  readonly #own = new Map<Lane, { next: number }>();
  readonly #news: Batch[] = [];
  #note = "";
  #wake: () => void = () => undefined;

  constructor(group: MemoryGroup, follow: boolean) {
    this.#group = group;
    this.#follow = follow;
  }

  open() {
    const group = this.#group;
    return Promise.resolve({
      address: "memory:source?group=g",
      identity: { id: "a" },
      shared: {
        note: [...group.kept.values()][0]?.note,
        lanes: (note: string) => group.positions(note),
      },
    });
  }

  ends() {
    return Promise.resolve(this.#group.ends());
  }

  /** The lanes that it has from now on. Those that it keeps go on where they are. */
  take(lanes: readonly Lane[]): void {
    for (const lane of this.#own.keys()) {
      if (lanes.includes(lane)) continue;
      this.#own.delete(lane);
      this.#news.push({ ...this.#place(lane), hasMoved: true });
    }
    for (const lane of lanes) {
      if (this.#own.has(lane)) continue;
      const place = this.#place(lane);
      this.#own.set(lane, { next: Number(place.position) });
      this.#news.push({ ...place, hasMoved: true });
    }
    this.#wake();
  }

  async *read({ stop, note = "", maxEventsCount = Infinity }: ReadOptions): AsyncIterable<Batch> {
    this.#note = note;
    stop.addEventListener("abort", () => this.#wake());
    this.#group.join(this);
    let leftCount = maxEventsCount;
    while (!stop.aborted && leftCount > 0) {
      const batch = this.#news.shift() ?? this.#nextBatch(leftCount);
      if (batch !== undefined) {
        leftCount -= batch.messages.length;
        yield batch;
        continue;
      }
      if (!this.#follow && this.#areEndsReached()) return;
      // The others' progress is looked at every now and then.
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        setTimeout(resolve, 5);
      });
      yield* this.#others();
    }
  }

  commit(durable: ReadonlyMap<Lane, Position>) {
    for (const [lane, position] of durable) {
      const own = this.#own.get(lane);
      if (own === undefined || Number(position) > own.next) continue;
      this.#group.kept.set(lane, { position, note: this.#note });
    }
    return Promise.resolve();
  }

  [Symbol.asyncDispose]() {
    this.#group.leave(this);
    return Promise.resolve();
  }

  #nextBatch(maxCount: number): Batch | undefined {
    for (const [lane, own] of this.#own) {
      const count = Math.min(this.#group.batchCount, maxCount);
      const messages = this.#group.lanes[lane]?.slice(own.next, own.next + count) ?? [];
      if (messages.length === 0) continue;
      own.next += messages.length;
      return batchOf(lane, messages, String(own.next));
    }
    return undefined;
  }

  #others(): Batch[] {
    return Object.keys(this.#group.lanes)
      .filter((lane) => !this.#own.has(lane))
      .map((lane) => this.#place(lane));
  }

  #place(lane: Lane): Batch {
    const position = this.#group.positions(this.#note).get(lane)?.position ?? "0";
    return { ...batchOf(lane, [], position), nextSequence: BigInt(position) };
  }

  /** Its own are read, and those of the others are kept there. */
  #areEndsReached(): boolean {
    return [...this.#group.ends()].every(([lane, end]) => {
      const { next = 0 } = this.#own.get(lane) ?? {};
      return BigInt(this.#own.has(lane) ? next : this.#place(lane).position) >= end;
    });
  }
}
