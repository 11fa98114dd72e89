/** The inside of kafkajs 2.2.4 that the codec is tested against; it has no types of its own. */

/* oxlint-disable import/no-default-export -- CommonJS modules arrive as a default export. */

declare module "kafkajs/src/protocol/decoder.js" {
  export default class Decoder {
    readonly buffer: Buffer;
    constructor(bytes: Buffer);
  }
}

declare module "kafkajs/src/protocol/recordBatch/record/v0/index.js" {
  /** One record in its encoded form. */
  export default function encodeRecord(record: {
    offsetDelta: number;
    timestampDelta: number;
    key: Buffer | null;
    value: Buffer | null;
    headers?: Record<string, Buffer | Buffer[]>;
  }): { readonly buffer: Buffer };
}

declare module "kafkajs/src/protocol/recordBatch/v0/index.js" {
  export function RecordBatch(options: {
    compression?: number;
    firstOffset?: string;
    firstTimestamp?: number;
    maxTimestamp?: number;
    lastOffsetDelta: number;
    transactional?: boolean;
    producerId?: number;
    producerEpoch?: number;
    firstSequence?: number;
    records: readonly { readonly buffer: Buffer }[];
  }): Promise<{ readonly buffer: Buffer }>;
}

declare module "kafkajs/src/protocol/recordBatch/v0/decoder.js" {
  import type Decoder from "kafkajs/src/protocol/decoder.js";

  export default function decodeRecordBatch(decoder: Decoder): Promise<{
    readonly producerId: string;
    readonly producerEpoch: number;
    readonly firstSequence: number;
    readonly inTransaction: boolean;
    readonly isControlBatch: boolean;
    readonly lastOffsetDelta: number;
    readonly maxTimestamp: string;
    readonly records: readonly {
      readonly offset: string;
      readonly timestamp: string;
      readonly key: Buffer | null;
      readonly value: Buffer | null;
      readonly headers: Record<string, Buffer | null | (Buffer | null)[]>;
    }[];
  }>;
}
