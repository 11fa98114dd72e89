import type { Batch, Message, Rejection } from "../../connector/mod.ts";
import type { LineOutcome } from "./line_reader.ts";

/** What a message takes in memory beside its bytes, about. */
const MESSAGE_OVERHEAD_BYTES = 200;

/** What a rejection takes in memory, about. */
const REJECTION_BYTES = 400;

/** The only lane of a file. */
export const LINES_LANE = "lines";

/** Collects what lines turned out to be, until a batch is made of it. */
export class BatchBuilder {
  #messages: Message[] = [];
  #rejections: Rejection[] = [];
  #skipped: Record<string, number> = {};
  #skippedCount = 0;
  #sizeBytes = 0;

  get messagesCount(): number {
    return this.#messages.length;
  }

  /** Messages and rejections together: what takes memory of its own. */
  get heldCount(): number {
    return this.#messages.length + this.#rejections.length;
  }

  /** Messages, rejections and skipped lines together. */
  get eventsCount(): number {
    return this.heldCount + this.#skippedCount;
  }

  add(outcome: LineOutcome): void {
    switch (outcome.kind) {
      case "message": {
        const { key, value } = outcome.message;
        this.#messages.push(outcome.message);
        this.#sizeBytes += MESSAGE_OVERHEAD_BYTES + (key?.length ?? 0) + (value?.length ?? 0);
        return;
      }
      case "rejected":
        this.#rejections.push(outcome.rejection);
        this.#sizeBytes += REJECTION_BYTES;
        return;
      case "skipped":
        this.#skipped[outcome.reason] = (this.#skipped[outcome.reason] ?? 0) + 1;
        this.#skippedCount += 1;
    }
  }

  /** Makes a batch of everything since the last one. */
  take({ position, nextSequence }: Pick<Batch, "position" | "nextSequence">): Batch {
    const batch = {
      lane: LINES_LANE,
      messages: this.#messages,
      rejections: this.#rejections,
      skipped: this.#skipped,
      sizeBytes: this.#sizeBytes,
      position,
      nextSequence,
    };
    this.#messages = [];
    this.#rejections = [];
    this.#skipped = {};
    this.#skippedCount = 0;
    this.#sizeBytes = 0;
    return batch;
  }
}
