/** Confluent's wire format: a zero byte, the schema's id in four bytes, then the data. */
const WIRE_FORMAT_HEADER_BYTES = 5;

/** No JSON and no text of PostgreSQL starts with a zero byte, so one look tells. */
export function isWireFormat(bytes: Uint8Array): boolean {
  return bytes[0] === 0 && bytes.length >= WIRE_FORMAT_HEADER_BYTES;
}

// A key is bytes to be kept: a mark at its beginning belongs to it. Before JSON it is noise.
const keyDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const valueDecoder = new TextDecoder("utf-8", { fatal: true });

/** The text of a key, or undefined where the bytes are not UTF-8. */
export function decodeKeyText(bytes: Uint8Array): string | undefined {
  return decode(keyDecoder, bytes);
}

/** The text of a value without a leading BOM, or undefined where the bytes are not UTF-8. */
export function decodeValueText(bytes: Uint8Array): string | undefined {
  return decode(valueDecoder, bytes);
}

function decode(decoder: TextDecoder, bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}
