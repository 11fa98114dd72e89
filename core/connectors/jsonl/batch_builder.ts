import type { Batch, Message, Rejection } from "../../connector/mod.ts";
import { PackedMessages } from "../../connector/packed_messages.ts";
import type { LineBlock } from "./line_block.ts";
import type { LineOutcome, ScannedEvent } from "./line_reader.ts";
import type { LineSplitter } from "./line_splitter.ts";

/** What a message takes in memory beside its bytes, about. */
const MESSAGE_OVERHEAD_BYTES = 200;

/** What the places of an event take. */
const PLACE_BYTES = 24;

/** What a rejection takes in memory, about. */
const REJECTION_BYTES = 400;

/** The only lane of a file. */
export const LINES_LANE = "lines";

/** Events of one block, and the block. */
interface PackedEvents {
  readonly packed: PackedMessages;
  readonly block: LineBlock;
}

/**
 * Collects what lines turned out to be, until a batch is made of it, at the end of a block at the
 * latest. Events stay in their block; records are messages of their own.
 */
export class BatchBuilder {
  #messages: Message[] = [];
  #events: PackedEvents | undefined;
  #rejections: Rejection[] = [];
  #skipped: Record<string, number> = {};
  #skippedCount = 0;
  #sizeBytes = 0;

  get messagesCount(): number {
    return this.#messages.length + (this.#events?.packed.count ?? 0);
  }

  /** Messages and rejections together: what takes memory of its own. */
  get heldCount(): number {
    return this.messagesCount + this.#rejections.length;
  }

  /** Messages, rejections and skipped lines together. */
  get eventsCount(): number {
    return this.heldCount + this.#skippedCount;
  }

  /** Takes a usual event: the line that the splitter has come to. */
  addEvent(event: ScannedEvent, splitter: LineSplitter): void {
    if (event.isExcluded) return this.#skip("excluded_type");
    const { packed } = this.#eventsOf(splitter);
    const { keyStart, keyEnd, valueStart, valueEnd } = event;
    const { from: begins, number: line } = splitter;
    packed.add({ keyStart, keyEnd, valueStart, valueEnd, begins, line });
    this.#sizeBytes += PLACE_BYTES + valueEnd - valueStart;
  }

  /** Takes what the line that the splitter has come to was found to be by reading it. */
  add(outcome: LineOutcome, splitter: LineSplitter): void {
    switch (outcome.kind) {
      case "message":
        if (outcome.isOwn) this.#addMessage(outcome.message);
        else this.#addParsedEvent(outcome.message, splitter);
        return;
      case "rejected":
        this.#rejections.push(outcome.rejection);
        this.#sizeBytes += REJECTION_BYTES;
        return;
      case "skipped":
        this.#skip(outcome.reason);
    }
  }

  /** Makes a batch of everything since the last one. */
  take({ position, nextSequence }: Pick<Batch, "position" | "nextSequence">): Batch {
    const batch = {
      lane: LINES_LANE,
      rejections: this.#rejections,
      skipped: this.#skipped,
      sizeBytes: this.#sizeBytes,
      position,
      nextSequence,
    };
    const messages = this.#messages;
    const events = this.#events;
    this.#messages = [];
    this.#events = undefined;
    this.#rejections = [];
    this.#skipped = {};
    this.#skippedCount = 0;
    this.#sizeBytes = 0;
    return events ? packedBatch(batch, events) : { ...batch, messages };
  }

  #addMessage(message: Message): void {
    const { key, value } = message;
    this.#messages.push(message);
    this.#sizeBytes += MESSAGE_OVERHEAD_BYTES + (key?.length ?? 0) + (value?.length ?? 0);
  }

  /** Its value lies in the block, its key does not: there it is written in another way. */
  #addParsedEvent({ key, value }: Message, splitter: LineSplitter): void {
    if (key === null || value === null) return;
    const { packed, block } = this.#eventsOf(splitter);
    const valueStart = value.byteOffset - block.bytes.byteOffset;
    const valueEnd = valueStart + value.length;
    const { from: begins, number: line } = splitter;
    packed.addWithKey(key, { valueStart, valueEnd, begins, line });
    this.#sizeBytes += MESSAGE_OVERHEAD_BYTES + key.length + value.length;
  }

  #eventsOf({ block, blockStart }: LineSplitter): PackedEvents {
    if (this.#events) return this.#events;
    block.use();
    const packed = new PackedMessages(block.bytes, { firstSequence: blockStart });
    this.#events = { packed, block };
    return this.#events;
  }

  #skip(reason: string): void {
    this.#skipped[reason] = (this.#skipped[reason] ?? 0) + 1;
    this.#skippedCount += 1;
  }
}

/** A batch whose messages are made when somebody asks for them. */
function packedBatch(batch: Omit<Batch, "messages">, { packed, block }: PackedEvents): Batch {
  let made: readonly Message[] | undefined;
  return {
    ...batch,
    packed,
    release: () => block.release(),
    get messages() {
      made ??= packed.messages();
      return made;
    },
  };
}
