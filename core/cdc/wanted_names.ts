import { isAt } from "./scan_json.ts";

/** The longest name that can be wanted, in bytes. */
const NAME_MAX_BYTES = 64;

/** Names of members to be picked out of an object, found by their bytes. */
export class WantedNames {
  /** By their lengths: most names that are met are told apart by that alone. */
  readonly #byLength: readonly (readonly Uint8Array[])[];

  /** @param names which need no escapes in JSON */
  constructor(names: Iterable<string>) {
    const encoded = [...new Set(names)].map((name) => Buffer.from(name));
    this.#byLength = Array.from({ length: NAME_MAX_BYTES + 1 }, (_, length) =>
      encoded.filter((name) => name.length === length),
    );
  }

  /** Whether the name from `start` up to, not including, `end` is wanted. */
  has(bytes: Uint8Array, start: number, end: number): boolean {
    const candidates = this.#byLength[end - start];
    if (candidates === undefined) return false;
    for (const name of candidates) if (isAt(bytes, start, name)) return true;
    return false;
  }
}
