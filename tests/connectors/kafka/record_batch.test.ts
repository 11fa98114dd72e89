import { describe, expect, test } from "bun:test";

import * as fc from "fast-check";

import { KonnError } from "../../../core/base/errors.ts";
import { compress, COMPRESSIONS } from "../../../core/connectors/kafka/compression.ts";
import { crc32c } from "../../../core/connectors/kafka/crc32c.ts";
import {
  decodeRecordBatches,
  MAX_DECOMPRESSED_BYTES,
  type AbortedTransaction,
  type DecodedBatches,
} from "../../../core/connectors/kafka/record_batch.ts";
import {
  type EncodeOptions,
  type OutgoingRecord,
  RecordBatchBuilder,
} from "../../../core/connectors/kafka/record_batch_builder.ts";
import { encodeRecordBatch } from "./encode_batch.ts";
import { packLines } from "./support.ts";

const HEADER_BYTES = 61;
const ATTRIBUTES_AT = 21;
const LAST_OFFSET_DELTA_AT = 23;
const MAX_TIMESTAMP_AT = 35;
const RECORD_COUNT_AT = 57;
// Of two records with a key and a value of one byte each, in one batch.
const FIRST_DELTA_AT = HEADER_BYTES + 3;
const SECOND_DELTA_AT = HEADER_BYTES + 12;
const LOG_APPEND_TIME = 0x08;
const CONTROL = 0x20;

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

function encode(records: readonly OutgoingRecord[], more: Partial<EncodeOptions> = {}): Buffer {
  return encodeRecordBatch(records, {
    producerId: -1n,
    producerEpoch: -1,
    firstSequence: -1,
    transactional: false,
    compression: "none",
    ...more,
  });
}

/** A small integer as it lies in a record. */
function zigzag(value: number): number {
  return value << 1;
}

interface Edit {
  /** The offset that a broker would have given; records count on from it. */
  readonly baseOffset?: bigint;
  readonly addAttributes?: number;
  readonly change?: (batch: Buffer) => void;
}

/** A batch as a broker changes it, with a right checksum. */
function stored(batch: Buffer, { baseOffset = 0n, addAttributes = 0, change }: Edit): Buffer {
  const copy = Buffer.from(batch);
  copy.writeBigInt64BE(baseOffset, 0);
  copy.writeInt16BE(copy.readInt16BE(ATTRIBUTES_AT) | addAttributes, ATTRIBUTES_AT);
  change?.(copy);
  copy.writeUInt32BE(crc32c(copy, ATTRIBUTES_AT), 17);
  return copy;
}

/** A batch of which compaction left no record. */
function emptied(batch: Buffer, edit: Edit): Buffer {
  const header = Buffer.from(batch.subarray(0, HEADER_BYTES));
  header.writeInt32BE(HEADER_BYTES - 12, 8);
  header.writeInt32BE(0, RECORD_COUNT_AT);
  return stored(header, edit);
}

function transaction(producerId: bigint, baseOffset: bigint, values: readonly string[]): Buffer {
  const records = values.map((value) => record(value));
  const batch = encode(records, {
    producerId,
    producerEpoch: 0,
    firstSequence: 0,
    transactional: true,
  });
  return stored(batch, { baseOffset });
}

function marker(producerId: bigint, baseOffset: bigint, type: "abort" | "commit"): Buffer {
  const key = Buffer.from(type === "abort" ? [0, 0, 0, 0] : [0, 0, 0, 1]);
  const batch = encode([record("\0\0\0\0\0\0", { key })], { producerId, transactional: true });
  return stored(batch, { baseOffset, addAttributes: CONTROL });
}

interface DecodeChoice {
  readonly fetchOffset?: bigint;
  readonly aborted?: readonly AbortedTransaction[];
  readonly readCommitted?: boolean;
}

function decode(records: Buffer | readonly Buffer[], choice: DecodeChoice = {}): DecodedBatches {
  const bytes = Buffer.isBuffer(records) ? records : Buffer.concat(records);
  return decodeRecordBatches(bytes, {
    fetchOffset: choice.fetchOffset ?? 0n,
    abortedTransactions: choice.aborted ?? [],
    readCommitted: choice.readCommitted ?? true,
  });
}

/** Offsets and values, "7:text". */
function listed(decoded: DecodedBatches): string[] {
  return decoded.messages.map(
    ({ sequence, value }) =>
      `${sequence}:${value === null ? "null" : Buffer.from(value).toString()}`,
  );
}

/** Records and messages in one comparable form. */
function plain(records: readonly OutgoingRecord[]): unknown[] {
  return records.map(({ key, value, headers, timestampMs }) => ({
    key: hex(key),
    value: hex(value),
    headers: headers.map((header) => [header.name, hex(header.value)]),
    timestampMs,
  }));
}

function hex(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : Buffer.from(bytes).toString("hex");
}

/** The error that decoding ends in. */
function failure(action: () => unknown): KonnError {
  try {
    action();
  } catch (error) {
    if (error instanceof KonnError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

const arbitraryBytes = fc.option(fc.uint8Array({ maxLength: 300 }));
const arbitraryRecord: fc.Arbitrary<OutgoingRecord> = fc.record({
  key: arbitraryBytes,
  value: arbitraryBytes,
  headers: fc.array(
    fc.record({ name: fc.string({ unit: "binary", maxLength: 20 }), value: arbitraryBytes }),
    { maxLength: 4 },
  ),
  timestampMs: fc.oneof(
    fc.integer({ min: -1, max: 4_102_444_800_000 }),
    fc.integer({ min: 1_700_000_000_000, max: 1_700_000_001_000 }),
  ),
});
const arbitraryRecords = fc.array(arbitraryRecord, { minLength: 1, maxLength: 30 });
const arbitraryCompression = fc.constantFrom(...COMPRESSIONS);

describe("RecordBatchBuilder", () => {
  const line = fc.record({
    key: fc.string({ unit: "binary" }),
    value: fc.string({ unit: "binary", maxLength: 300 }),
    isApart: fc.boolean(),
  });
  const options: EncodeOptions = {
    producerId: 7n,
    producerEpoch: 1,
    firstSequence: 5,
    transactional: true,
    compression: "none",
  };

  test("makes the same of a message whether it lies in a block or is one of its own", () => {
    fc.assert(
      fc.property(fc.array(line, { minLength: 1, maxLength: 40 }), (lines) => {
        const packed = packLines(lines, 0);
        const builder = new RecordBatchBuilder();
        for (let index = 0; index < lines.length; index++) builder.addPacked(packed, index, 1_000);
        const messages = packed
          .messages()
          .map(({ key, value, headers }) => ({ key, value, headers, timestampMs: 1_000 }));
        expect(builder.seal(options).equals(encodeRecordBatch(messages, options))).toBe(true);
        expect(messages.map(({ key }) => Buffer.from(key ?? []).toString())).toEqual(
          lines.map(({ key }) => Buffer.from(key).toString()),
        );
      }),
    );
  });

  test("grows beyond what was expected, and is as good when its memory was used before", () => {
    for (const count of [3_000, 1, 20_000]) {
      const builder = new RecordBatchBuilder(100);
      const value = Buffer.alloc(100, "v");
      const one = { key: Buffer.from("k"), value, headers: [], timestampMs: 1 };
      for (let index = 0; index < count; index++) builder.add(one);
      const batch = builder.seal(options);
      const decoded = decodeRecordBatches(batch, {
        fetchOffset: 0n,
        abortedTransactions: [],
        readCommitted: false,
      });
      expect(decoded.messages).toHaveLength(count);
      expect(decoded.messages.every((message) => value.equals(message.value ?? value))).toBe(true);
      builder.recycle();
    }
  });
});

describe("encodeRecordBatch()", () => {
  test("writes the layout of the documentation", () => {
    const batch = encode(
      [
        record("v", { headers: [{ name: "h", value: null }], timestampMs: 1000 }),
        record(null, { key: null, timestampMs: 999 }),
      ],
      { producerId: 9n, producerEpoch: 3, firstSequence: 2147483647, transactional: true },
    );
    const expected = [
      "0000000000000000", // base offset
      "00000044", // length of what follows
      "ffffffff", // leader epoch
      "02", // magic
      batch.toString("hex", 17, 21), // CRC, see below
      "0010", // attributes: transactional
      "00000001", // last offset delta
      "00000000000003e8", // base timestamp
      "00000000000003e8", // max timestamp
      "0000000000000009", // producer id
      "0003", // producer epoch
      "7fffffff", // base sequence
      "00000002", // record count
      "16000000", // length, attributes, timestamp delta, offset delta
      "026b0276", // key and value
      "02026801", // one header without a value
      "0c000102",
      "0101", // neither key nor value
      "00",
    ];
    expect(batch.toString("hex")).toBe(expected.join(""));
    expect(batch.readUInt32BE(17)).toBe(crc32c(batch.subarray(21)));
  });

  test("does refuse a batch without records", () => {
    expect(failure(() => encode([])).code).toBe("KAFKA_EMPTY_BATCH");
  });
});

describe("decodeRecordBatches()", () => {
  test("does find nothing in no bytes", () => {
    expect(decode(Buffer.alloc(0), { fetchOffset: 5n })).toEqual({
      messages: [],
      nextOffset: 5n,
      controlRecordCount: 0,
      abortedRecordCount: 0,
      needBytes: 0,
    });
  });

  test("does give back what encodeRecordBatch() was given", () => {
    fc.assert(
      fc.property(arbitraryRecords, arbitraryCompression, (records, compression) => {
        const decoded = decode(encode(records, { compression }));
        expect(plain(decoded.messages)).toEqual(plain(records));
        expect(decoded.nextOffset).toBe(BigInt(records.length));
        expect(decoded.messages.map(({ sequence }) => sequence)).toEqual(
          records.map((_, index) => BigInt(index)),
        );
      }),
    );
  });

  test("does keep timestamps that lie centuries apart", () => {
    const times = [
      -1, 253_402_300_799_999, 0, 1_700_000_000_000, -62_135_596_800_000, 2_147_483_647,
    ];
    const records = times.map((timestampMs) => record("v", { timestampMs }));
    expect(decode(encode(records)).messages.map((message) => message.timestampMs)).toEqual(times);
  });

  test("does hand out views on the fetched bytes", () => {
    const fetched = encode([record("value")]);
    const value = decode(fetched).messages[0]?.value;
    expect(value?.buffer).toBe(fetched.buffer);
  });

  test("does take the broker's time where the topic wants that", () => {
    const batch = stored(encode([record("a"), record("b", { timestampMs: 5 })]), {
      addAttributes: LOG_APPEND_TIME,
      change: (bytes) => bytes.writeBigInt64BE(1_800_000_000_000n, MAX_TIMESTAMP_AT),
    });
    expect(decode(batch).messages.map(({ timestampMs }) => timestampMs)).toEqual([
      1_800_000_000_000, 1_800_000_000_000,
    ]);
  });

  test("does leave out what lies below the offset that was asked for", () => {
    const set = [
      stored(encode([record("a"), record("b")]), { baseOffset: 10n }),
      stored(encode([record("c"), record("d"), record("e")], { compression: "zstd" }), {
        baseOffset: 12n,
      }),
    ];
    const decoded = decode(set, { fetchOffset: 13n });
    expect(listed(decoded)).toEqual(["13:d", "14:e"]);
    expect(decoded.nextOffset).toBe(15n);
  });

  test("does never go back behind the offset that was asked for", () => {
    const decoded = decode(stored(encode([record("a")]), { baseOffset: 10n }), {
      fetchOffset: 20n,
    });
    expect(listed(decoded)).toEqual([]);
    expect(decoded.nextOffset).toBe(20n);
  });
});

describe("decodeRecordBatches() on compacted batches", () => {
  test("does keep the gaps and go on behind the last record that there was", () => {
    const batch = stored(encode([record("a"), record("b")]), {
      baseOffset: 100n,
      change: (bytes) => {
        bytes.writeInt32BE(9, LAST_OFFSET_DELTA_AT);
        bytes.writeUInt8(zigzag(2), FIRST_DELTA_AT);
        bytes.writeUInt8(zigzag(5), SECOND_DELTA_AT);
      },
    });
    const decoded = decode(batch, { fetchOffset: 100n });
    expect(listed(decoded)).toEqual(["102:a", "105:b"]);
    expect(decoded.nextOffset).toBe(110n);
  });

  test.each(COMPRESSIONS)("does pass over a batch without records (%s)", (compression) => {
    const batch = encode([record("a"), record("b"), record("c")], { compression });
    const decoded = decode(
      compression === "none"
        ? emptied(batch, { baseOffset: 40n })
        : stored(withSection(batch, Buffer.from(compress(Buffer.alloc(0), compression))), {
            baseOffset: 40n,
            change: (bytes) => bytes.writeInt32BE(0, RECORD_COUNT_AT),
          }),
      { fetchOffset: 40n },
    );
    expect(decoded).toMatchObject({ messages: [], nextOffset: 43n, needBytes: 0 });
  });
});

/** The batch with other bytes in place of its records. */
function withSection(batch: Buffer, section: Buffer): Buffer {
  const copy = Buffer.concat([batch.subarray(0, HEADER_BYTES), section]);
  copy.writeInt32BE(copy.length - 12, 8);
  return copy;
}

describe("decodeRecordBatches() on transactions", () => {
  test("does count control records and hand out none", () => {
    const decoded = decode([transaction(1n, 0n, ["a", "b"]), marker(1n, 2n, "commit")]);
    expect(listed(decoded)).toEqual(["0:a", "1:b"]);
    expect(decoded).toMatchObject({ nextOffset: 3n, controlRecordCount: 1, abortedRecordCount: 0 });
  });

  test("does advance over a record set of markers alone", () => {
    expect(decode([marker(1n, 7n, "abort"), marker(2n, 8n, "commit")])).toMatchObject({
      messages: [],
      nextOffset: 9n,
      controlRecordCount: 2,
    });
  });

  const interleaved = [
    transaction(1n, 0n, ["a0", "a1"]),
    transaction(2n, 2n, ["b2"]),
    stored(encode([record("plain3")]), { baseOffset: 3n }),
    transaction(1n, 4n, ["a4"]),
    marker(1n, 5n, "abort"),
    transaction(1n, 6n, ["a6"]),
    marker(2n, 7n, "commit"),
    marker(1n, 8n, "commit"),
    transaction(2n, 9n, ["b9"]),
    marker(2n, 10n, "abort"),
    transaction(2n, 11n, ["b11"]),
    marker(2n, 12n, "commit"),
  ];
  const aborted = [
    { producerId: 2n, firstOffset: 9n },
    { producerId: 1n, firstOffset: 0n },
  ];

  test("does leave out aborted transactions between committed ones of the same producers", () => {
    const decoded = decode(interleaved, { aborted });
    expect(listed(decoded)).toEqual(["2:b2", "3:plain3", "6:a6", "11:b11"]);
    expect(decoded).toMatchObject({
      nextOffset: 13n,
      controlRecordCount: 5,
      abortedRecordCount: 4,
    });
  });

  test("does hand out aborted records to whoever reads uncommitted", () => {
    const decoded = decode(interleaved, { aborted, readCommitted: false });
    expect(listed(decoded)).toHaveLength(8);
    expect(decoded.abortedRecordCount).toBe(0);
  });

  test("does leave out a transaction that began before the bytes at hand", () => {
    const set = [
      transaction(1n, 50n, ["a"]),
      marker(1n, 51n, "abort"),
      transaction(1n, 52n, ["b"]),
    ];
    const decoded = decode(set, {
      fetchOffset: 50n,
      aborted: [{ producerId: 1n, firstOffset: 3n }],
    });
    expect(listed(decoded)).toEqual(["52:b"]);
  });

  test("does see the end of a transaction below the offset that was asked for", () => {
    const set = [transaction(1n, 0n, ["a"]), marker(1n, 1n, "abort"), transaction(1n, 2n, ["b"])];
    const decoded = decode(set, {
      fetchOffset: 2n,
      aborted: [{ producerId: 1n, firstOffset: 0n }],
    });
    expect(listed(decoded)).toEqual(["2:b"]);
  });

  test("does not take a transaction for aborted before its first offset", () => {
    const set = [transaction(1n, 0n, ["a"]), marker(1n, 1n, "commit"), transaction(1n, 2n, ["b"])];
    const decoded = decode(set, { aborted: [{ producerId: 1n, firstOffset: 2n }] });
    expect(listed(decoded)).toEqual(["0:a"]);
    expect(decoded.nextOffset).toBe(3n);
  });

  test("does hand out what an aborted producer sent outside of a transaction", () => {
    const batch = stored(encode([record("a")], { producerId: 1n }), { baseOffset: 1n });
    const decoded = decode(batch, { aborted: [{ producerId: 1n, firstOffset: 0n }] });
    expect(listed(decoded)).toEqual(["1:a"]);
  });

  test("does pass over a marker that compaction emptied", () => {
    const set = [
      transaction(1n, 0n, ["a"]),
      emptied(marker(1n, 1n, "abort"), { baseOffset: 1n }),
      transaction(1n, 2n, ["b"]),
    ];
    const decoded = decode(set, { aborted: [{ producerId: 1n, firstOffset: 0n }] });
    expect(decoded).toMatchObject({ messages: [], nextOffset: 3n, controlRecordCount: 0 });
  });
});

describe("decodeRecordBatches() on bytes that are not whole", () => {
  const batches = [
    stored(encode([record("a0"), record(null)]), { baseOffset: 0n }),
    stored(encode([record("b2".repeat(50))], { compression: "lz4" }), { baseOffset: 2n }),
    marker(1n, 3n, "commit"),
    stored(encode([record("d4"), record("d5")], { compression: "gzip" }), { baseOffset: 4n }),
  ];
  const set = Buffer.concat(batches);

  test("does hand out the whole batches of any beginning, and nothing else", () => {
    const whole = listed(decode(set));
    const ends = batches.map((_, index) => Buffer.concat(batches.slice(0, index + 1)).length);
    const nextOffsets = [0n, 2n, 3n, 4n, 6n];
    for (let length = 0; length <= set.length; length++) {
      const decoded = decode(set.subarray(0, length));
      const wholeCount = ends.filter((end) => end <= length).length;
      const nextOffset = nextOffsets[wholeCount] ?? -1n;
      expect(decoded.nextOffset).toBe(nextOffset);
      expect(listed(decoded)).toEqual(whole.filter((line) => Number.parseInt(line) < nextOffset));
    }
  });

  test.each([
    [0, 0],
    [1, HEADER_BYTES],
    [11, HEADER_BYTES],
    [12, batches[0]?.length ?? 0],
    [HEADER_BYTES, batches[0]?.length ?? 0],
    [batches[0]?.length ?? 0, 0],
  ])("does say with %d bytes that the first batch needs %d", (length, needBytes) => {
    expect(decode(set.subarray(0, length)).needBytes).toBe(needBytes);
  });

  test("does tell any changed byte by the checksum, and names the offset", () => {
    const batch = stored(encode([record("a"), record("b")]), { baseOffset: 77n });
    for (let position = ATTRIBUTES_AT; position < batch.length; position++) {
      const damaged = Buffer.from(batch);
      damaged.writeUInt8(damaged.readUInt8(position) ^ 0x40, position);
      const error = failure(() => decode(damaged));
      expect(error.code).toBe("KAFKA_CORRUPT_BATCH");
      expect(error.message).toBe(
        "Cannot decode the record batch at offset 77: its checksum is wrong",
      );
    }
  });

  test("does never hand out wrong data, nor throw anything but a KonnError", () => {
    const rightLines = listed(decode(set));
    const firstLengthByte = 8;
    fc.assert(
      fc.property(
        fc.integer({ min: firstLengthByte, max: set.length - 1 }),
        fc.integer({ min: 1, max: 255 }),
        (position, flip) => {
          const damaged = Buffer.from(set);
          damaged.writeUInt8(damaged.readUInt8(position) ^ flip, position);
          // No checksum covers where a later batch begins in the log.
          const starts = batches.map((_, index) => Buffer.concat(batches.slice(0, index)).length);
          fc.pre(!starts.some((start) => position >= start && position < start + firstLengthByte));
          const lines = linesOrKonnError(damaged);
          expect(rightLines.slice(0, lines.length)).toEqual(lines);
        },
      ),
      { numRuns: 500 },
    );
  });

  test("does throw nothing but a KonnError on records that cannot be read", () => {
    fc.assert(
      fc.property(
        arbitraryRecords,
        arbitraryCompression,
        fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), {
          minLength: 1,
          maxLength: 5,
        }),
        (records, compression, flips) => {
          const batch = encode(records, { compression });
          const damaged = stored(batch, {
            change: (bytes) => {
              for (const [seed, flip] of flips) {
                const position = HEADER_BYTES + (seed % (bytes.length - HEADER_BYTES));
                bytes.writeUInt8(bytes.readUInt8(position) ^ flip, position);
              }
            },
          });
          expect(linesOrKonnError(damaged).length).toBeLessThanOrEqual(records.length);
        },
      ),
      { numRuns: 500 },
    );
  });

  test("does throw nothing but a KonnError on any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(linesOrKonnError(Buffer.from(bytes))).toEqual([]);
      }),
    );
  });
});

function linesOrKonnError(bytes: Buffer): string[] {
  try {
    return listed(decode(bytes));
  } catch (error) {
    expect(error).toBeInstanceOf(KonnError);
    return [];
  }
}

describe("decodeRecordBatches() does refuse", () => {
  test.each([0, 1, 3])("the format of version %d", (magic) => {
    const batch = stored(encode([record("a")]), { baseOffset: 5n });
    batch.writeInt8(magic, 16);
    const error = failure(() => decode(batch));
    expect(error.code).toBe("KAFKA_UNSUPPORTED_BATCH");
    expect(error.message).toBe(
      `Cannot decode the record batch at offset 5: its format is of version ${magic}, konn reads version 2`,
    );
  });

  test("a compression that there is not yet", () => {
    const error = failure(() => decode(stored(encode([record("a")]), { addAttributes: 5 })));
    expect(error.code).toBe("KAFKA_UNSUPPORTED_BATCH");
    expect(error.message).toContain("the unknown code 5");
  });

  test.each([
    ["a length below that of a header", (bytes: Buffer) => bytes.writeInt32BE(48, 8)],
    ["a negative length", (bytes: Buffer) => bytes.writeInt32BE(-1, 8)],
    ["a negative count", (bytes: Buffer) => bytes.writeInt32BE(-1, RECORD_COUNT_AT)],
    ["more records than there are", (bytes: Buffer) => bytes.writeInt32BE(3, RECORD_COUNT_AT)],
    ["fewer records than there are", (bytes: Buffer) => bytes.writeInt32BE(1, RECORD_COUNT_AT)],
    ["a negative last offset", (bytes: Buffer) => bytes.writeInt32BE(-1, LAST_OFFSET_DELTA_AT)],
    [
      "an offset behind the last one",
      (bytes: Buffer) => bytes.writeInt32BE(0, LAST_OFFSET_DELTA_AT),
    ],
    ["a record longer than it says", (bytes: Buffer) => bytes.writeUInt8(zigzag(7), HEADER_BYTES)],
    ["a record shorter than it says", (bytes: Buffer) => bytes.writeUInt8(zigzag(9), HEADER_BYTES)],
    ["the same offset twice", (bytes: Buffer) => bytes.writeUInt8(zigzag(0), SECOND_DELTA_AT)],
  ])("%s", (_name, change) => {
    const batch = encode([record("a"), record("b")]);
    expect(failure(() => decode(stored(batch, { change }))).code).toBe("KAFKA_CORRUPT_BATCH");
  });

  test("a batch that unpacks to more than the limit", () => {
    const bomb = Buffer.from(compress(Buffer.alloc(MAX_DECOMPRESSED_BYTES + 1), "zstd"));
    const batch = stored(withSection(encode([record("a")], { compression: "zstd" }), bomb), {
      baseOffset: 8n,
    });
    const error = failure(() => decode(batch));
    expect(error.code).toBe("KAFKA_BATCH_TOO_LARGE");
    expect(error.message).toBe(
      "Cannot decode the record batch at offset 8: its zstd data unpacks to more than 67108864 bytes",
    );
  });
});

test("decodeRecordBatches() does leave batches for the next Fetch once much was unpacked", () => {
  const large = record(null, { value: new Uint8Array(20 * 1024 * 1024) });
  const batch = encode([large], { compression: "zstd" });
  const set = [0n, 1n, 2n].map((baseOffset) => stored(batch, { baseOffset }));
  const decoded = decode(set);
  expect(decoded.messages).toHaveLength(2);
  expect(decoded.nextOffset).toBe(2n);
  expect(decode(set, { fetchOffset: 2n }).nextOffset).toBe(2n);
});
