import { foldForCrc32c, MAX_FOLD_BYTES, MIN_FOLD_BYTES } from "./crc32c_fold.ts";

/** The Castagnoli polynomial, bits reversed (RFC 3720, section 12.1). */
const POLYNOMIAL = 0x82f63b78;
const SLICE_BYTES = 16;
const TABLE_ENTRY_COUNT = 256;

let cachedTables: Int32Array | undefined;

/**
 * The CRC-32C (Castagnoli) of `bytes` from `start` up to, not including, `end`, as an unsigned
 * 32-bit number. Kafka puts it into every record batch of magic 2. Bun has only the plain CRC-32.
 *
 * Slicing by 16: one step takes four words and looks each of their bytes up in a table of its own.
 * Of what is large only a part has to be gone through so: see {@link foldForCrc32c}.
 */
export function crc32c(bytes: Uint8Array, start = 0, end: number = bytes.length): number {
  const isFoldable = end - start >= MIN_FOLD_BYTES && end - start <= MAX_FOLD_BYTES;
  const folded = isFoldable ? foldForCrc32c(bytes.subarray(start, end)) : undefined;
  return folded ? sumUp(folded.bytes, folded.start, folded.end) : sumUp(bytes, start, end);
}

function sumUp(bytes: Uint8Array, start: number, end: number): number {
  const tables = (cachedTables ??= buildTables());
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let crc = -1;
  let position = start;
  for (; position + SLICE_BYTES <= end; position += SLICE_BYTES) {
    const first = crc ^ view.getInt32(position, true);
    const second = view.getInt32(position + 4, true);
    const third = view.getInt32(position + 8, true);
    const fourth = view.getInt32(position + 12, true);
    crc =
      shifted(tables, 12, first) ^
      shifted(tables, 8, second) ^
      shifted(tables, 4, third) ^
      shifted(tables, 0, fourth);
  }
  for (; position < end; position++) {
    crc = (crc >>> 8) ^ entry(tables, (crc ^ view.getUint8(position)) & 0xff);
  }
  return ~crc >>> 0;
}

/** What `word` adds to the checksum when `bytesBehind` bytes of the step follow it. */
function shifted(tables: Int32Array, bytesBehind: number, word: number): number {
  const base = bytesBehind * TABLE_ENTRY_COUNT;
  return (
    entry(tables, base + 3 * TABLE_ENTRY_COUNT + (word & 0xff)) ^
    entry(tables, base + 2 * TABLE_ENTRY_COUNT + ((word >>> 8) & 0xff)) ^
    entry(tables, base + TABLE_ENTRY_COUNT + ((word >>> 16) & 0xff)) ^
    entry(tables, base + (word >>> 24))
  );
}

/** Sixteen tables in one: number `n` holds the checksum of a byte with `n` zero bytes behind it. */
function buildTables(): Int32Array {
  const tables = new Int32Array(SLICE_BYTES * TABLE_ENTRY_COUNT);
  for (let byte = 0; byte < TABLE_ENTRY_COUNT; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) {
      crc = (crc & 1) === 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    }
    tables[byte] = crc;
  }
  for (let index = TABLE_ENTRY_COUNT; index < tables.length; index++) {
    const previous = entry(tables, index - TABLE_ENTRY_COUNT);
    tables[index] = (previous >>> 8) ^ entry(tables, previous & 0xff);
  }
  return tables;
}

/** Every index is the start of a table plus a byte, so the 0 is never taken. */
function entry(tables: Int32Array, index: number): number {
  return tables[index] ?? 0;
}
