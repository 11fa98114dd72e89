import type { Batch, Source, StreamIdentity } from "../../../core/connector/mod.ts";
import { NEVER } from "./support.ts";

export const NOTE = '{"index":"a"}';

/** Plays the part of the pipeline: takes what comes, and says what it likes to be delivered. */
export class GroupTestReader implements AsyncDisposable {
  readonly source: Source;
  readonly batches: Batch[] = [];
  readonly stop = new AbortController();
  stream: StreamIdentity | undefined;
  /** Delivers at once what is read. */
  delivers = true;
  error: unknown;
  hasEnded = false;
  #work: Promise<void> | undefined;

  constructor(source: Source) {
    this.source = source;
  }

  async start(note = NOTE): Promise<this> {
    this.stream = await this.source.open(NEVER);
    this.#work = this.#read(note).catch((error: unknown) => {
      this.error = error;
    });
    return this;
  }

  /** Says how far all that was read is delivered. */
  async deliver(): Promise<void> {
    const positions = new Map(this.batches.map(({ lane, position }) => [lane, position]));
    await this.source.commit?.(positions);
  }

  /** What it has read. */
  get values(): string[] {
    return this.batches.flatMap(({ messages }) =>
      messages.map(({ value }) => Buffer.from(value ?? []).toString()),
    );
  }

  /** The lanes of which it was told that they have changed hands. */
  get moved(): string[] {
    return this.batches.filter(({ hasMoved }) => hasMoved).map(({ lane }) => lane);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop.abort();
    await this.#work;
    await this.source[Symbol.asyncDispose]();
  }

  async #read(note: string): Promise<void> {
    const { signal: stop } = this.stop;
    for await (const batch of this.source.read({ from: new Map(), stop, note })) {
      this.batches.push(batch);
      if (this.delivers) await this.deliver();
    }
    this.hasEnded = true;
    if (this.delivers) await this.deliver();
  }
}
