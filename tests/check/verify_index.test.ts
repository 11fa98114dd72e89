import { describe, expect, test } from "bun:test";
import { verifyIndex } from "../../core/check/verify_index.ts";
import type {
  IndexInspector,
  InspectedDocument,
  Repair,
} from "../../core/connector/index_inspector.ts";
import type { Message } from "../../core/connector/mod.ts";
import { message, MemorySource } from "../fakes/memory_source.ts";

const UNAVAILABLE = "__debezium_unavailable_value";

/** The key of a service. */
function keyOf(id: string): string {
  return `c/cp/o/service/${id}`;
}

function row(sequence: bigint, id: string, value: unknown, op = "u"): Message {
  const after = { key: keyOf(id), value };
  return message(sequence, keyOf(id), JSON.stringify({ before: null, after, op }));
}

function named(sequence: bigint, id: string, name: string): Message {
  return row(sequence, id, { object: { name } });
}

function tombstone(sequence: bigint, id: string): Message {
  return message(sequence, keyOf(id), null);
}

function indexed(id: string, name: string | null, version = 16n): InspectedDocument {
  const content = { name, id, control_plane: "cp", type: "service" };
  return { key: keyOf(id), version, isDeleted: name === null, content };
}

/** An index in memory. */
function inspectorOf(documents: readonly InspectedDocument[]) {
  const repairs: Repair[] = [];
  const inspector: IndexInspector = {
    open: () =>
      Promise.resolve({
        source: { id: "a" },
        truncatedAtLsn: undefined,
        identity: {},
        mayReplace: () => false,
      }),
    check: () => Promise.resolve(),
    documents: async function* pages() {
      yield await Promise.resolve(documents);
    },
    confirm: () => Promise.resolve(),
    repair: (list) => {
      repairs.push(...list);
      return Promise.resolve(list.length);
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  return { inspector, repairs };
}

interface Case {
  readonly lanes: Record<string, Message[]>;
  readonly documents: readonly InspectedDocument[];
  /** What is appended to a lane between the reading of the topic and that of the index. */
  readonly later?: Record<string, Message[]>;
  readonly repair?: boolean;
}

async function verify({ lanes, documents, later = {}, repair = false }: Case) {
  const { inspector, repairs } = inspectorOf(documents);
  let opened = 0;
  const report = await verifyIndex({
    createSource: () => {
      opened += 1;
      const all = Object.entries(lanes).map(([lane, list]): [string, Message[]] => [
        lane,
        opened === 1 ? list : [...list, ...(later[lane] ?? [])],
      ]);
      return Promise.resolve(new MemorySource({ lanes: Object.fromEntries(all) }));
    },
    inspector,
    onTruncate: "halt",
    skipTypes: ["hash"],
    repair,
    stop: new AbortController().signal,
  });
  return { report, repairs };
}

describe("verifyIndex()", () => {
  test("takes the last change of a key, and compares content whatever its order", async () => {
    const { report } = await verify({
      lanes: { a: [named(0n, "x", "old"), named(1n, "x", "new")], b: [tombstone(0n, "gone")] },
      documents: [indexed("x", "new"), indexed("gone", null)],
    });
    expect(report).toMatchObject({
      missing: 0,
      stale: 0,
      extra: 0,
      events: 3,
      documents: 1,
      tombstones: 1,
    });
  });

  test("tells missing, stale and extra apart", async () => {
    const { report } = await verify({
      lanes: {
        a: [named(0n, "m", "m"), named(1n, "s", "s"), named(2n, "e", "e"), tombstone(3n, "e")],
      },
      documents: [indexed("s", "other"), indexed("e", "e"), indexed("never", "n")],
    });
    expect(report.ids).toMatchObject({
      missing: [keyOf("m")],
      stale: [keyOf("s")],
      extra: [keyOf("e"), keyOf("never")],
    });
  });

  test("takes what changed after its start for no difference", async () => {
    const { report } = await verify({
      lanes: { a: [named(0n, "x", "old")], b: [] },
      later: { a: [named(1n, "x", "new")], b: [named(0n, "y", "y")] },
      documents: [indexed("x", "new", 32n), indexed("y", "y")],
    });
    expect(report).toMatchObject({ missing: 0, stale: 0, extra: 0 });
  });

  test("keeps a value that was not sent again, and invents none", async () => {
    const { report } = await verify({
      lanes: {
        a: [
          named(0n, "kept", "kept"),
          row(1n, "kept", UNAVAILABLE),
          row(2n, "new", UNAVAILABLE, "c"),
          tombstone(3n, "echo"),
          row(4n, "echo", UNAVAILABLE),
        ],
      },
      documents: [indexed("kept", "kept")],
    });
    expect(report).toMatchObject({ missing: 0, stale: 0, extra: 0, unrecoverable: 1 });
    expect(report.ids.unrecoverable).toEqual([keyOf("new")]);
  });

  test("leaves out types that the index leaves out, and lists what no document can be", async () => {
    const hash = JSON.stringify({ after: { key: "c/cp/o/hash/h", value: null }, op: "u" });
    const { report } = await verify({
      lanes: { a: [message(0n, "c/cp/o/hash/h", hash), message(1n, "k", "not JSON")] },
      documents: [],
    });
    expect(report).toMatchObject({ missing: 0, refused: 1 });
    expect(report.ids.refused).toEqual(["k"]);
  });

  test("repairs with versions that the index takes and the next event passes", async () => {
    const { report, repairs } = await verify({
      lanes: { a: [named(0n, "m", "m"), named(1n, "s", "s")] },
      documents: [indexed("s", "other", 1_000n), indexed("e", "e", 7n)],
      repair: true,
    });
    expect(report).toMatchObject({ missing: 1, stale: 1, extra: 1, repaired: 3 });
    expect(repairs).toMatchObject([
      { key: keyOf("e"), version: 8n, document: null },
      { key: keyOf("m"), version: 18n, document: { name: "m" } },
      { key: keyOf("s"), version: 1_001n, document: { name: "s" } },
    ]);
  });
});
