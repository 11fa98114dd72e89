import type { Mutation } from "./mutation.ts";

/** Keys that are remembered: some 30 MiB at the length of Konnect's keys. */
const KNOWN_KEYS_MAX_COUNT = 100_000;

/** Hashes of what the index holds of one key. */
interface KnownDocument {
  readonly text: bigint;
  /** Of the bytes that it was last made from. */
  readonly form: bigint | undefined;
}

/**
 * What the index is known to hold, so that an event that changes nothing costs no write.
 *
 * A key is known from the acknowledgement of a write until the next one is sent. Whoever writes
 * says so: {@link sent} before, then {@link acknowledged} or {@link forget}. Skipping is safe only
 * while every change since that write gave the same document: another writer may have cut the
 * stream elsewhere and written one that was coalesced away here.
 */
export class KnownDocuments {
  readonly #maxCount: number;
  /** In the order of the acknowledgements, so that the oldest goes first. */
  readonly #documents = new Map<string, KnownDocument>();
  /** The highest version that is under way, by key. */
  readonly #versionsInFlight = new Map<string, bigint>();

  constructor(maxCount: number = KNOWN_KEYS_MAX_COUNT) {
    this.#maxCount = maxCount;
  }

  /** The hash of the document that the index holds, or undefined where that is not known. */
  hashOf(key: string): bigint | undefined {
    return this.#documents.get(key)?.text;
  }

  /** Whether the index holds the document that was last made from bytes of this hash. */
  isOfForm(key: string, form: bigint): boolean {
    return this.#documents.get(key)?.form === form;
  }

  /** What the index holds of this key was made from bytes of this hash just now. */
  madeFrom(key: string, form: bigint): void {
    const known = this.#documents.get(key);
    if (known !== undefined) this.#documents.set(key, { text: known.text, form });
  }

  /**
   * These are about to be written. Until the index has answered nothing is known of their keys.
   *
   * @param refusedKeys of events that no write is made of: they may be delivered later, in their place,
   * so that the next change of their keys has to be written
   */
  sent(mutations: readonly Mutation[], refusedKeys: readonly string[] = []): void {
    for (const { key, version } of mutations) {
      this.#documents.delete(key);
      this.#versionsInFlight.set(key, version);
    }
    for (const key of refusedKeys) {
      this.#documents.delete(key);
      this.#versionsInFlight.delete(key);
    }
  }

  /** The index took the write. An answer that a later write has overtaken tells nothing. */
  acknowledged({ key, version, text, form }: Mutation): void {
    if (this.#versionsInFlight.get(key) !== version) return;
    this.#versionsInFlight.delete(key);
    this.#documents.set(key, { text: textHash(text), form });
    if (this.#documents.size > this.#maxCount) this.#forgetOldest();
  }

  /** The index holds something else (409), refused the write, or its answer is unclear. */
  forget({ key, version }: Mutation): void {
    if (this.#versionsInFlight.get(key) === version) this.#versionsInFlight.delete(key);
    this.#documents.delete(key);
  }

  /** The index no longer holds what was written to this key: a tombstone that was removed. */
  forgetKey(key: string): void {
    this.#documents.delete(key);
  }

  /** A partition was revoked, or the alias was swapped. Answers on their way tell nothing. */
  forgetAll(): void {
    this.#documents.clear();
    this.#versionsInFlight.clear();
  }

  #forgetOldest(): void {
    for (const key of this.#documents.keys()) {
      this.#documents.delete(key);
      return;
    }
  }
}

/** Equal documents have equal texts, since their members always come in the same order. */
export function textHash(text: string): bigint {
  return Bun.hash.wyhash(text);
}
