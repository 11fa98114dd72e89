import { describe, expect, test } from "bun:test";

import { CompressionCodecs, CompressionTypes } from "kafkajs";
import Decoder from "kafkajs/src/protocol/decoder.js";
import encodeRecord from "kafkajs/src/protocol/recordBatch/record/v0/index.js";
import decodeBatch from "kafkajs/src/protocol/recordBatch/v0/decoder.js";
import { RecordBatch as encodeBatch } from "kafkajs/src/protocol/recordBatch/v0/index.js";

import {
  compress,
  COMPRESSIONS,
  decompress,
  type Compression,
} from "../../../core/connectors/kafka/compression.ts";
import {
  decodeRecordBatches,
  MAX_DECOMPRESSED_BYTES,
} from "../../../core/connectors/kafka/record_batch.ts";
import type { OutgoingRecord } from "../../../core/connectors/kafka/record_batch_builder.ts";
import { encodeRecordBatch } from "./encode_batch.ts";

// kafkajs brings no codecs for these; here they only show that the codes in the attributes agree.
Object.assign(CompressionCodecs, {
  [CompressionTypes.Snappy]: codec("snappy"),
  [CompressionTypes.LZ4]: codec("lz4"),
  [CompressionTypes.ZSTD]: codec("zstd"),
});

function codec(compression: Compression) {
  return () => ({
    compress: async (encoder: { buffer: Buffer }) =>
      Buffer.from(compress(encoder.buffer, compression)),
    decompress: async (bytes: Buffer) =>
      Buffer.from(decompress(bytes, compression, MAX_DECOMPRESSED_BYTES)),
  });
}

function record(value: string | null, more: Partial<OutgoingRecord> = {}): OutgoingRecord {
  const bytes = value === null ? null : Buffer.from(value);
  return {
    key: Buffer.from("k"),
    value: bytes,
    headers: [],
    timestampMs: 1_700_000_000_000,
    ...more,
  };
}

function text(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : Buffer.from(bytes).toString();
}

describe("encodeRecordBatch()", () => {
  test.each(COMPRESSIONS)("is read by kafkajs with %s", async (compression) => {
    const records = [
      record("one", { headers: [{ name: "größe", value: Buffer.from("1") }] }),
      record(null, { timestampMs: 1_700_000_000_777 }),
      record("three".repeat(1000), { key: null, timestampMs: 1_600_000_000_000 }),
      record("four", {
        headers: [
          { name: "twice", value: Buffer.from("a") },
          { name: "twice", value: null },
        ],
      }),
    ];
    const options = { producerId: 7n, producerEpoch: 2, firstSequence: 40, transactional: true };
    const encoded = encodeRecordBatch(records, { ...options, compression });
    const batch = await decodeBatch(new Decoder(encoded));
    expect(batch).toMatchObject({
      producerId: "7",
      producerEpoch: 2,
      firstSequence: 40,
      inTransaction: true,
      isControlBatch: false,
      lastOffsetDelta: 3,
      maxTimestamp: "1700000000777",
    });
    expect(
      batch.records.map(({ offset, timestamp, key, value }) => [
        offset,
        timestamp,
        key?.toString(),
        value?.toString(),
      ]),
    ).toEqual([
      ["0", "1700000000000", "k", "one"],
      ["1", "1700000000777", "k", undefined],
      ["2", "1600000000000", undefined, "three".repeat(1000)],
      ["3", "1700000000000", "k", "four"],
    ]);
    expect(batch.records.map(({ headers }) => headers)).toEqual([
      { größe: Buffer.from("1") },
      {},
      {},
      { twice: [Buffer.from("a"), null] },
    ]);
  });
});

describe("decodeRecordBatches()", () => {
  test.each(COMPRESSIONS)("does read what kafkajs writes with %s", async (compression) => {
    const batch = await encodeBatch({
      compression: COMPRESSIONS.indexOf(compression),
      firstOffset: "9007199254740993",
      firstTimestamp: 1_700_000_000_000,
      maxTimestamp: 1_700_000_000_005,
      lastOffsetDelta: 2,
      records: [
        encodeRecord({
          offsetDelta: 0,
          timestampDelta: 0,
          key: null,
          value: Buffer.from("eins"),
          headers: { größe: Buffer.from("1"), twice: [Buffer.from("a"), Buffer.from("b")] },
        }),
        encodeRecord({
          offsetDelta: 1,
          timestampDelta: 5,
          key: Buffer.from("k"),
          value: null,
        }),
        encodeRecord({
          offsetDelta: 2,
          timestampDelta: -1_000_000_000_000,
          key: Buffer.alloc(0),
          value: Buffer.alloc(0),
        }),
      ],
    });
    const decoded = decodeRecordBatches(batch.buffer, {
      fetchOffset: 0n,
      abortedTransactions: [],
      readCommitted: true,
    });
    expect(decoded.nextOffset).toBe(9007199254740996n);
    expect(
      decoded.messages.map(({ sequence, key, value, timestampMs }) => [
        sequence,
        text(key),
        text(value),
        timestampMs,
      ]),
    ).toEqual([
      [9007199254740993n, null, "eins", 1_700_000_000_000],
      [9007199254740994n, "k", null, 1_700_000_000_005],
      [9007199254740995n, "", "", 700_000_000_000],
    ]);
    expect(
      decoded.messages.map(({ headers }) => headers.map(({ name, value }) => [name, text(value)])),
    ).toEqual([
      [
        ["größe", "1"],
        ["twice", "a"],
        ["twice", "b"],
      ],
      [],
      [],
    ]);
  });
});
