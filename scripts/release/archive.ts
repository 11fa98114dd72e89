import { crc32, deflateRawSync } from "node:zlib";

/** A file in an archive. */
export interface ArchiveEntry {
  /** With slashes, below the archive's one folder. */
  readonly path: string;
  readonly content: Uint8Array;
  readonly isExecutable: boolean;
}

export interface ArchiveOptions {
  /** The one folder that all files are in. */
  readonly folder: string;
  /** When all files were changed last. */
  readonly time: Date;
}

/**
 * Archives whose bytes depend on nothing but what is in them: sorted by path, one time for all
 * files, nobody's user and group.
 */

const BLOCK_BYTES = 512;
/** As much as it pays: higher ones take twice as long for half a percent. */
const LEVEL = 6;

/** A tar archive (ustar) in gzip. */
export function tarGz(entries: readonly ArchiveEntry[], options: ArchiveOptions): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const entry of sorted(entries)) {
    const padding = -entry.content.length & (BLOCK_BYTES - 1);
    parts.push(tarHeader(entry, options), entry.content, new Uint8Array(padding));
  }
  parts.push(new Uint8Array(2 * BLOCK_BYTES));
  return Bun.gzipSync(Buffer.concat(parts), { library: "libdeflate", level: LEVEL });
}

function tarHeader(
  { path, content, isExecutable }: ArchiveEntry,
  { folder, time }: ArchiveOptions,
): Uint8Array {
  const NAME_MAX_BYTES = 100;
  const name = `${folder}/${path}`;
  const header = Buffer.alloc(BLOCK_BYTES);
  if (Buffer.byteLength(name) > NAME_MAX_BYTES) throw new Error(`${name} is too long for ustar`);
  const octal = (value: number, digits: number) => value.toString(8).padStart(digits, "0");
  header.write(name, 0);
  header.write(octal(isExecutable ? 0o755 : 0o644, 7), 100);
  header.write(octal(0, 7), 108);
  header.write(octal(0, 7), 116);
  header.write(octal(content.length, 11), 124);
  header.write(octal(Math.floor(time.getTime() / 1_000), 11), 136);
  header.write("        ", 148);
  header.write("0", 156);
  header.write("ustar", 257);
  header.write("00", 263);
  header.write("root", 265);
  header.write("root", 297);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${octal(sum, 6)}\0 `, 148);
  return header;
}

/** A ZIP archive. */
export function zip(entries: readonly ArchiveEntry[], options: ArchiveOptions): Uint8Array {
  const files: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const entry of sorted(entries)) {
    const data = deflateRawSync(entry.content, { level: LEVEL });
    const name = Buffer.from(`${options.folder}/${entry.path}`);
    const common = zipCommon(entry, { name, data, time: options.time });
    const local = Buffer.concat([signature(0x04_03_4b_50), common, name, data]);
    const central = Buffer.alloc(14);
    // Unix attributes: the file's kind and mode.
    central.writeUInt32LE(((entry.isExecutable ? 0o100_755 : 0o100_644) << 16) >>> 0, 6);
    central.writeUInt32LE(offset, 10);
    // Made by version 2.0 on Unix.
    const madeBy = Buffer.from([20, 3]);
    directory.push(Buffer.concat([signature(0x02_01_4b_50), madeBy, common, central, name]));
    files.push(local);
    offset += local.length;
  }
  const central = Buffer.concat(directory);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(entries.length, 4);
  end.writeUInt16LE(entries.length, 6);
  end.writeUInt32LE(central.length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...files, central, signature(0x06_05_4b_50), end]);
}

/** The fields that a file has in both places, from "version needed" to "extra field length". */
function zipCommon(
  { content }: ArchiveEntry,
  { name, data, time }: { readonly name: Buffer; readonly data: Buffer; readonly time: Date },
): Buffer {
  const UTF8_NAMES = 0x0800;
  const DEFLATE = 8;
  const fields = Buffer.alloc(26);
  fields.writeUInt16LE(20, 0);
  fields.writeUInt16LE(UTF8_NAMES, 2);
  fields.writeUInt16LE(DEFLATE, 4);
  fields.writeUInt16LE(
    (time.getUTCHours() << 11) | (time.getUTCMinutes() << 5) | (time.getUTCSeconds() >> 1),
    6,
  );
  fields.writeUInt16LE(
    ((time.getUTCFullYear() - 1980) << 9) | ((time.getUTCMonth() + 1) << 5) | time.getUTCDate(),
    8,
  );
  fields.writeUInt32LE(crc32(content), 10);
  fields.writeUInt32LE(data.length, 14);
  fields.writeUInt32LE(content.length, 18);
  fields.writeUInt16LE(name.length, 22);
  return fields;
}

function signature(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function sorted(entries: readonly ArchiveEntry[]): readonly ArchiveEntry[] {
  return entries.toSorted((a, b) => (a.path < b.path ? -1 : 1));
}
