const SLASH = 0x2f;
const LETTER_C = 0x63;
const LETTER_O = 0x6f;
/** Types that are remembered. Kong has fewer; of what comes beyond, each is read anew. */
const MAX_KNOWN_COUNT = 256;

interface KnownType {
  readonly bytes: Buffer;
  readonly type: string;
}

/** Reads the entity's type in a key `c/<control plane>/o/<type>/<id>`. */
export class KeyTypes {
  /** By the length of the name and its first byte. */
  readonly #known = new Map<number, KnownType[]>();
  #knownCount = 0;

  /** Undefined where the bytes between these places are no such key. */
  find(bytes: Buffer, start: number, end: number): string | undefined {
    if (bytes[start] !== LETTER_C || bytes[start + 1] !== SLASH) return undefined;
    const planeEnd = endOfPart(bytes, start + 2, end);
    if (planeEnd < 0 || bytes[planeEnd + 1] !== LETTER_O || bytes[planeEnd + 2] !== SLASH) {
      return undefined;
    }
    const typeStart = planeEnd + 3;
    const typeEnd = endOfPart(bytes, typeStart, end);
    return typeEnd < 0 ? undefined : this.#typeOf(bytes, typeStart, typeEnd);
  }

  #typeOf(bytes: Buffer, start: number, end: number): string {
    const hash = (end - start) * 256 + (bytes[start] ?? 0);
    const known = this.#known.get(hash);
    if (known) {
      for (const candidate of known) {
        if (isAt(bytes, start, candidate.bytes)) return candidate.type;
      }
    }
    const type = bytes.toString("utf8", start, end);
    if (this.#knownCount < MAX_KNOWN_COUNT) {
      this.#knownCount += 1;
      const entry = { bytes: Buffer.from(type), type };
      if (known) known.push(entry);
      else this.#known.set(hash, [entry]);
    }
    return type;
  }
}

/** Where the slash stands behind at least one other byte, or -1. */
function endOfPart(bytes: Buffer, start: number, end: number): number {
  let at = start;
  while (at < end && bytes[at] !== SLASH) at++;
  return at === start || at >= end ? -1 : at;
}

function isAt(bytes: Buffer, start: number, expected: Buffer): boolean {
  for (let index = 0; index < expected.length; index++) {
    if (bytes[start + index] !== expected[index]) return false;
  }
  return true;
}
