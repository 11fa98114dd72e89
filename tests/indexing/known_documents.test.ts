import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import type { Message } from "../../core/connector/mod.ts";
import { foldBatch } from "../../core/indexing/fold_batch.ts";
import { KnownDocuments, textHash } from "../../core/indexing/known_documents.ts";
import type { Mutation } from "../../core/indexing/mutation.ts";
import {
  A,
  B,
  batchOf,
  batchOfMessages,
  countOf,
  namesOf,
  refused,
  tombstone,
  unavailable,
  upsert,
} from "./batches.ts";
import type { Event } from "./batches.ts";

/** Folds, and has the index take everything. */
function write(known: KnownDocuments, ...events: readonly Event[]) {
  const result = foldBatch(batchOf(...events), { known });
  known.sent(result.mutations, result.refusedKeys);
  for (const mutation of result.mutations) known.acknowledged(mutation);
  return result;
}

function onlyMutation(...events: readonly Event[]): Mutation {
  const [mutation] = foldBatch(batchOf(...events)).mutations;
  if (mutation === undefined) throw new Error("Cannot use the events: they change nothing");
  return mutation;
}

describe("foldBatch() with KnownDocuments does", () => {
  test("write what is not known, and skip what is", () => {
    const known = new KnownDocuments();
    expect(namesOf(write(known, upsert(A, "1")))).toEqual([[A, "1"]]);
    const again = write(known, upsert(A, "1"), upsert(B, "2"));
    expect(namesOf(again)).toEqual([[B, "2"]]);
    expect(again.skipped).toEqual({ unchanged: 1 });
    expect(namesOf(write(known, upsert(A, "3")))).toEqual([[A, "3"]]);
    expect(namesOf(write(known, upsert(A, "1")))).toEqual([[A, "1"]]);
  });

  test.each([
    ["in batches of their own", [[upsert(A, "1")], [refused(A)], [upsert(A, "1")]]],
    ["behind what is not acknowledged", [[upsert(A, "1"), refused(A)], [upsert(A, "1")]]],
    ["in the middle of a batch", [[upsert(A, "1")], [upsert(A, "1"), refused(A), upsert(A, "1")]]],
  ])("write what stands behind a refused change, which may come after all: %s", (_, batches) => {
    const known = new KnownDocuments();
    const names = batches.map((events) => namesOf(write(known, ...events)));
    expect(names.at(-1)).toEqual([[A, "1"]]);
  });

  test("skip the tombstone behind a delete", () => {
    const known = new KnownDocuments();
    expect(namesOf(write(known, tombstone(A)))).toEqual([[A, null]]);
    expect(write(known, tombstone(A)).skipped).toEqual({ unchanged: 1 });
  });

  test("write a document that was another in between, though it was coalesced away", () => {
    const known = new KnownDocuments();
    write(known, upsert(A, "1"));
    const result = write(known, upsert(A, "2"), upsert(A, "1"));
    expect(namesOf(result)).toEqual([[A, "1"]]);
    expect(result.skipped).toEqual({ superseded: 1 });
  });

  test("skip several equal ones in one batch, with unavailable values between", () => {
    const known = new KnownDocuments();
    write(known, upsert(A, "1"));
    const result = write(known, upsert(A, "1"), unavailable(A), upsert(A, "1"));
    expect(result.skipped).toEqual({ superseded: 1, unavailable_value: 1, unchanged: 1 });
    expect(countOf(result)).toBe(3);
  });
});

describe("KnownDocuments forgets a key", () => {
  test("while a write of it is under way", () => {
    const known = new KnownDocuments();
    const first = onlyMutation(upsert(A, "1"));
    const second = { ...first, version: first.version + 16n, document: null, text: "null" };
    write(known, upsert(A, "0"));
    expect(known.hashOf(A)).toBeDefined();
    known.sent([first]);
    expect(known.hashOf(A)).toBeUndefined();
    known.sent([second]);
    known.acknowledged(first);
    expect(known.hashOf(A)).toBeUndefined();
    known.acknowledged(second);
    expect(known.hashOf(A)).toBe(textHash("null"));
  });

  test("that the index answered with a conflict, or not at all", () => {
    const known = new KnownDocuments();
    write(known, upsert(A, "1"));
    known.forget(onlyMutation(upsert(A, "1")));
    expect(known.hashOf(A)).toBeUndefined();
    expect(namesOf(write(known, upsert(A, "1")))).toEqual([[A, "1"]]);
  });

  test("with all others, and does not learn from answers that come later", () => {
    const known = new KnownDocuments();
    const mutation = onlyMutation(upsert(A, "1"));
    write(known, upsert(B, "1"));
    known.sent([mutation]);
    known.forgetAll();
    known.acknowledged(mutation);
    expect(known.hashOf(A)).toBeUndefined();
    expect(known.hashOf(B)).toBeUndefined();
  });

  test("that is the oldest of too many", () => {
    const known = new KnownDocuments(2);
    for (const key of ["1", "2", "3"]) write(known, upsert(key, "n"));
    expect(["1", "2", "3"].map((key) => known.hashOf(key) === undefined)).toEqual([
      true,
      false,
      false,
    ]);
  });
});

test("KnownDocuments never lets two writers that cut the stream apart differ from its fold", () => {
  const event = fc.oneof(
    fc.constantFrom("1", "2").map((name) => upsert(A, name)),
    fc.constant(tombstone(A)),
    fc.constant(unavailable(A)),
  );
  const stream = fc.array(event, { minLength: 1, maxLength: 20 });
  // Who goes on, and by how much. In the end the second dies where it is and the first goes on.
  const steps = fc.array(
    fc.record({ writer: fc.nat({ max: 1 }), size: fc.integer({ min: 1, max: 5 }) }),
    {
      minLength: 1,
      maxLength: 40,
    },
  );
  fc.assert(
    fc.property(stream, steps, (events, schedule) => {
      const { messages } = batchOf(...events);
      const index = new Map<string, Mutation>();
      const survivor = new Writer(messages, index);
      const writers = [survivor, new Writer(messages, index)];
      for (const { writer, size } of schedule) writers[writer]?.step(size);
      survivor.step(messages.length);
      const expected = foldBatch(batchOfMessages(messages)).mutations.at(0);
      expect(index.get(A)?.document).toEqual(expected?.document);
    }),
    { numRuns: 3000 },
  );
});

/** One of two that read the same stream into the same index, an index with external versions. */
class Writer {
  readonly #known = new KnownDocuments();
  readonly #messages: readonly Message[];
  readonly #index: Map<string, Mutation>;
  #at = 0;

  constructor(messages: readonly Message[], index: Map<string, Mutation>) {
    this.#messages = messages;
    this.#index = index;
  }

  step(size: number): void {
    const messages = this.#messages.slice(this.#at, this.#at + size);
    this.#at += size;
    const { mutations } = foldBatch(batchOfMessages(messages), { known: this.#known });
    this.#known.sent(mutations);
    for (const mutation of mutations) {
      const stored = this.#index.get(mutation.key)?.version ?? -1n;
      if (mutation.version > stored) {
        this.#index.set(mutation.key, mutation);
        this.#known.acknowledged(mutation);
      } else {
        this.#known.forget(mutation);
      }
    }
  }
}
