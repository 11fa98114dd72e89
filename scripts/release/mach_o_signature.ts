import { createHash } from "node:crypto";

/**
 * The signature at the end of a macOS program: a hash of each of its pages. macOS ends a program
 * whose pages differ from it. Bun's compiler signs programs for arm64 anew, but leaves those for x64
 * with the signature that Bun had before konn was put in.
 */

const LC_SEGMENT_64 = 0x19;
const LC_CODE_SIGNATURE = 0x1d;
const SUPER_BLOB = 0xfa_de_0c_c0;
const CODE_DIRECTORY = 0xfa_de_0c_02;
const REQUIREMENTS = 0xfa_de_0c_01;

const PAGE_BYTES = 4_096;
const HASH_BYTES = 32;
/** Up to the field of the executable segment's flags. */
const DIRECTORY_HEAD_BYTES = 88;
const DIRECTORY_VERSION = 0x2_04_00;
/** Signed by nobody, only to say what the pages are. */
const FLAG_AD_HOC = 0x2;
const HASH_TYPE_SHA256 = 2;
const EXECUTABLE_SEGMENT_MAIN = 1n;

interface Layout {
  /** Where the command stands that names the signature. */
  readonly commandAt: number;
  readonly signatureAt: number;
  /** Where the command of the last segment stands, which the signature belongs to. */
  readonly linkEditAt: number;
  readonly textAt: number;
}

/** How many pages of a program differ from what its signature says. Throws where there is none. */
export function changedPagesCount(program: Uint8Array): number {
  const view = viewOf(program);
  const { signatureAt } = layoutOf(view);
  const directoryAt = signatureAt + directoryOffset(view, signatureAt);
  const hashesAt = directoryAt + view.getUint32(directoryAt + 16);
  const pagesCount = view.getUint32(directoryAt + 28);
  const limit = view.getUint32(directoryAt + 32);
  const hashBytes = view.getUint8(directoryAt + 36);
  const pageBytes = 1 << view.getUint8(directoryAt + 39);
  let count = Math.abs(pagesCount - Math.ceil(limit / pageBytes));
  for (let page = 0; page < pagesCount; page++) {
    const end = Math.min((page + 1) * pageBytes, limit);
    const expected = program.subarray(
      hashesAt + page * hashBytes,
      hashesAt + (page + 1) * hashBytes,
    );
    if (!sha256(program.subarray(page * pageBytes, end)).equals(expected)) count += 1;
  }
  return count;
}

/** The program with a signature of its own in place of the one that it has. */
export function signAdHoc(program: Uint8Array, identifier: string): Uint8Array {
  const { commandAt, signatureAt, linkEditAt, textAt } = layoutOf(viewOf(program));
  const directoryBytes =
    DIRECTORY_HEAD_BYTES +
    identifier.length +
    1 +
    2 * HASH_BYTES +
    Math.ceil(signatureAt / PAGE_BYTES) * HASH_BYTES;
  const requirements = emptyRequirements();
  const signatureBytes = 12 + 2 * 8 + directoryBytes + requirements.length;
  const signed = Buffer.alloc(signatureAt + signatureBytes);
  signed.set(program.subarray(0, signatureAt));
  signed.writeUInt32LE(signatureBytes, commandAt + 12);
  // The last segment ends with the file; in memory it takes whole pages.
  const linkEditBytes = BigInt(signed.length) - signed.readBigUInt64LE(linkEditAt + 40);
  signed.writeBigUInt64LE(linkEditBytes, linkEditAt + 48);
  signed.writeBigUInt64LE(((linkEditBytes + 0x3fffn) / 0x4000n) * 0x4000n, linkEditAt + 32);

  const blobs = [SUPER_BLOB, signatureBytes, 2, 0, 12 + 2 * 8, 2, 12 + 2 * 8 + directoryBytes];
  blobs.forEach((value, index) => signed.writeUInt32BE(value, signatureAt + index * 4));
  // The headers that were just changed are pages as well: hashes come last.
  const text = {
    at: signed.readBigUInt64LE(textAt + 40),
    bytes: signed.readBigUInt64LE(textAt + 48),
  };
  signed.set(
    codeDirectory({ program: signed.subarray(0, signatureAt), identifier, requirements, text }),
    signatureAt + 12 + 2 * 8,
  );
  signed.set(requirements, signatureAt + 12 + 2 * 8 + directoryBytes);
  return signed;
}

interface Signed {
  readonly program: Uint8Array;
  readonly identifier: string;
  readonly requirements: Uint8Array;
  readonly text: { readonly at: bigint; readonly bytes: bigint };
}

function codeDirectory({ program, identifier, requirements, text }: Signed): Buffer {
  const pagesCount = Math.ceil(program.length / PAGE_BYTES);
  const hashesAt = DIRECTORY_HEAD_BYTES + identifier.length + 1 + 2 * HASH_BYTES;
  const directory = Buffer.alloc(hashesAt + pagesCount * HASH_BYTES);
  const head = [
    CODE_DIRECTORY,
    directory.length,
    DIRECTORY_VERSION,
    FLAG_AD_HOC,
    hashesAt,
    DIRECTORY_HEAD_BYTES,
    2,
    pagesCount,
    program.length,
  ];
  head.forEach((value, index) => directory.writeUInt32BE(value, index * 4));
  directory.set([HASH_BYTES, HASH_TYPE_SHA256, 0, Math.log2(PAGE_BYTES)], 36);
  directory.writeBigUInt64BE(text.at, 64);
  directory.writeBigUInt64BE(text.bytes, 72);
  directory.writeBigUInt64BE(EXECUTABLE_SEGMENT_MAIN, 80);
  directory.write(identifier, DIRECTORY_HEAD_BYTES, "latin1");
  // Hashes of what is no page stand before those of the pages, from the last to the first: of the
  // requirements, then of an Info.plist, which there is none of.
  directory.set(sha256(requirements), hashesAt - 2 * HASH_BYTES);
  for (let page = 0; page < pagesCount; page++) {
    const bytes = program.subarray(page * PAGE_BYTES, (page + 1) * PAGE_BYTES);
    directory.set(sha256(bytes), hashesAt + page * HASH_BYTES);
  }
  return directory;
}

function emptyRequirements(): Buffer {
  const blob = Buffer.alloc(12);
  blob.writeUInt32BE(REQUIREMENTS, 0);
  blob.writeUInt32BE(blob.length, 4);
  return blob;
}

function layoutOf(view: DataView): Layout {
  const found: { -readonly [Name in keyof Layout]?: number } = {};
  const commandsCount = view.getUint32(16, true);
  let at = 32;
  for (let index = 0; index < commandsCount; index++) {
    const command = view.getUint32(at, true);
    if (command === LC_SEGMENT_64) {
      const name = segmentName(view, at + 8);
      if (name === "__LINKEDIT") found.linkEditAt = at;
      if (name === "__TEXT") found.textAt = at;
    }
    if (command === LC_CODE_SIGNATURE) {
      found.commandAt = at;
      found.signatureAt = view.getUint32(at + 8, true);
    }
    at += view.getUint32(at + 4, true);
  }
  const { commandAt, signatureAt, linkEditAt, textAt } = found;
  if (commandAt === undefined || signatureAt === undefined) {
    throw new Error("The program has no signature");
  }
  if (linkEditAt === undefined || textAt === undefined) {
    throw new Error("The program lacks a segment");
  }
  return { commandAt, signatureAt, linkEditAt, textAt };
}

function segmentName(view: DataView, at: number): string {
  const bytes = new Uint8Array(view.buffer, view.byteOffset + at, 16);
  return new TextDecoder().decode(bytes).replace(/\0+$/, "");
}

function directoryOffset(view: DataView, signatureAt: number): number {
  const blobsCount = view.getUint32(signatureAt + 8);
  for (let index = 0; index < blobsCount; index++) {
    const offset = view.getUint32(signatureAt + 16 + index * 8);
    if (view.getUint32(signatureAt + offset) === CODE_DIRECTORY) return offset;
  }
  throw new Error("The program's signature has no hashes");
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash("sha256").update(bytes).digest();
}
