/** A longer key would say no more to a person, and a key may be as long as a record. */
const SHOWN_KEY_MAX_BYTES = 512;

/**
 * A key as it may stand in a message, a report or a dead letter: whole up to 512 bytes, and its
 * beginning with an ellipsis above. Undefined where there is none or where it is not UTF-8.
 */
export function shownKey(key: string | Uint8Array | null): string | undefined {
  if (key === null) return undefined;
  const isString = typeof key === "string";
  if (isString && key.length * 3 <= SHOWN_KEY_MAX_BYTES) return key;
  // No more characters are looked at than could be shown, however long the key is.
  const bytes = isString ? Buffer.from(key.slice(0, SHOWN_KEY_MAX_BYTES + 1)) : key;
  try {
    if (bytes.length <= SHOWN_KEY_MAX_BYTES) return isString ? key : decode(bytes, false);
    return `${decode(bytes.subarray(0, SHOWN_KEY_MAX_BYTES), true)}…`;
  } catch {
    return undefined;
  }
}

/** @param isCut the end may be in the middle of a character, which is left out then */
function decode(bytes: Uint8Array, isCut: boolean): string {
  // A key is bytes to be kept: a mark at its beginning belongs to it.
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes, {
    stream: isCut,
  });
}
