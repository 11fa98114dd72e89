import { describe, expect, test } from "bun:test";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import {
  type Batch,
  type Message,
  NO_TIMESTAMP,
  type Sink,
  type SinkOpening,
  type WriteReport,
} from "../../../core/connector/mod.ts";
import { parseOutputState } from "../../../core/connectors/jsonl/output_state.ts";
import { createJsonlSink, type JsonlSinkOptions } from "../../../core/connectors/jsonl/writer.ts";
import { SILENT_OBSERVER } from "../../../core/observe/observer.ts";
import { TemporaryFolder } from "../../fakes/temporary_folder.ts";
import { codeOf, event, messagesOf, NEVER, readFileLines, valuesOf } from "./reading.ts";

const STREAM = { address: "memory:source", identity: {} };
const ROOT = join(import.meta.dir, "../../..");

function message(value: string | null, fields: Partial<Message> = {}): Message {
  return {
    sequence: 0n,
    key: Buffer.from("k"),
    value: value === null ? null : Buffer.from(value),
    headers: [],
    timestampMs: NO_TIMESTAMP,
    ...fields,
  };
}

function batchOf(...messages: Message[]): Batch {
  return {
    lane: "lane",
    messages: messages.map((one, at) => ({ ...one, sequence: BigInt(at) })),
    position: "p",
    nextSequence: BigInt(messages.length),
    rejections: [],
    skipped: {},
    sizeBytes: 1,
  };
}

function sinkOf(path: string, options: Partial<JsonlSinkOptions> = {}): Sink {
  return createJsonlSink({
    path,
    format: "event",
    existing: "refuse",
    observer: SILENT_OBSERVER,
    ...options,
  });
}

/** How much of the file has been settled. */
function lengthIn(state: string | undefined): number | undefined {
  return parseOutputState(state ?? "")?.bytes;
}

function open(sink: Sink, state?: string): Promise<SinkOpening> {
  const resume = state === undefined ? undefined : { identity: {}, state };
  return sink.open({ stream: STREAM, resume, fromBeginning: false, signal: NEVER });
}

/** Opens a sink, writes one batch and closes it. */
async function writeOnce(
  path: string,
  batch: Batch,
  { state, ...options }: Partial<JsonlSinkOptions> & { state?: string | undefined } = {},
): Promise<WriteReport> {
  await using sink = sinkOf(path, options);
  await open(sink, state);
  return await sink.write(batch, NEVER);
}

describe("write() of event lines", () => {
  test("writes each value as it is, and accounts for what cannot be a line", async () => {
    using folder = new TemporaryFolder();
    const path = folder.file("out.jsonl");
    const values = [event("ü"), "a\nb", "a\rb", "", " \t", "\ufeff{}", null, "no JSON"];
    const report = await writeOnce(path, batchOf(...values.map((value) => message(value))));
    expect(readFileSync(path, "utf8")).toBe(`${event("ü")}\nno JSON\n`);
    expect(report).toMatchObject({ written: 2, deleted: 0, skipped: { tombstone: 1 } });
    expect(report.rejections.map(({ sequence, key, code }) => [sequence, key, code])).toEqual(
      [1n, 2n, 3n, 4n, 5n].map((sequence) => [sequence, "k", "VALUE_NOT_ONE_LINE"]),
    );
  });

  test("names no more of a giant key than a person reads", async () => {
    using folder = new TemporaryFolder();
    const giant = { key: Buffer.alloc(1_000_000, "k") };
    const report = await writeOnce(folder.file("out.jsonl"), batchOf(message("a\nb", giant)));
    expect(report.rejections[0]?.key).toBe(`${"k".repeat(512)}…`);
  });

  test("writes what reading gives back", async () => {
    using folder = new TemporaryFolder();
    const path = folder.file("out.jsonl");
    const values = [event("a"), event("b")];
    await writeOnce(path, batchOf(...values.map((value) => message(value))));
    expect(valuesOf(await readFileLines(path))).toEqual(values);
  });
});

describe("write() of record lines", () => {
  test("writes what reading gives back, whatever the bytes are", async () => {
    const bytes = fc.oneof(
      fc.constant(null),
      fc.string({ unit: "binary" }).map((text) => Buffer.from(text)),
      fc.uint8Array().map((array) => Buffer.from(array)),
    );
    const messages = fc.array(
      fc.record({
        key: bytes,
        value: bytes,
        headers: fc.array(fc.record({ name: fc.string({ unit: "binary" }), value: bytes })),
        timestampMs: fc.oneof(fc.constant(NO_TIMESTAMP), fc.nat()),
        origin: fc.record({ topic: fc.string(), partition: fc.nat() }),
      }),
    );
    await fc.assert(
      fc.asyncProperty(messages, async (contents) => {
        using folder = new TemporaryFolder();
        const path = folder.file("out.jsonl");
        const batch = batchOf(...contents.map((content) => message("", content)));
        const report = await writeOnce(path, batch, { format: "record" });
        expect(report.written).toBe(contents.length);
        const read = messagesOf(await readFileLines(path));
        expect(
          read.map(
            ({ key, value, headers, timestampMs, origin }) =>
              origin && { key, value, headers, timestampMs, origin },
          ),
        ).toEqual(
          contents.map((content, at) => ({
            ...content,
            origin: { ...content.origin, offset: BigInt(at) },
          })),
        );
      }),
      { numRuns: 50 },
    );
  });
});

/** Writes a small value, one that exceeds the limit of file sizes, and a small one. */
const LIMITED_WRITER = `
  import { createJsonlSink } from "${ROOT}/core/connectors/jsonl/writer.ts";
  import { SILENT_OBSERVER } from "${ROOT}/core/observe/observer.ts";
  const options = { path: process.argv[1], format: "event", existing: "refuse" };
  const sink = createJsonlSink({ ...options, observer: SILENT_OBSERVER });
  const signal = new AbortController().signal;
  const stream = { address: "memory:source", identity: {} };
  await sink.open({ stream, resume: undefined, fromBeginning: false, signal });
  const answers = [];
  for (const text of ["small", "x".repeat(5_000), "small"]) {
    const message = { sequence: 0n, key: null, value: Buffer.from(text), headers: [], timestampMs: -1 };
    const batch = { lane: "l", messages: [message], position: "p", nextSequence: 1n, rejections: [], skipped: {}, sizeBytes: 1 };
    answers.push(await sink.write(batch, signal).then(() => "written", (error) => error.code));
  }
  console.log(JSON.stringify(answers));
`;

describe("write()", () => {
  test("resolves in order with the length behind each batch", async () => {
    using folder = new TemporaryFolder();
    const path = folder.file("out.jsonl");
    await using sink = sinkOf(path);
    expect(lengthIn((await open(sink)).state)).toBe(0);
    const resolved: (number | undefined)[] = [];
    const writes = ["a", "bb", "ccc"].map(async (value) => {
      const { state } = await sink.write(batchOf(message(value)), NEVER);
      resolved.push(lengthIn(state));
    });
    const empty = sink.write(batchOf(message(null)), NEVER);
    await Promise.all(writes);
    expect(resolved).toEqual([2, 5, 9]);
    expect(lengthIn((await empty).state)).toBe(9);
    expect(readFileSync(path, "utf8")).toBe("a\nbb\nccc\n");
  });

  test("refuses everything after a write that failed", async () => {
    await using sink = sinkOf("/dev/full");
    await open(sink);
    const writes = ["a", "b"].map((value) => codeOf(sink.write(batchOf(message(value)), NEVER)));
    expect(await Promise.all(writes)).toEqual(["OUTPUT_UNWRITABLE", "OUTPUT_UNWRITABLE"]);
    expect(sink.write(batchOf(message("c")), NEVER)).rejects.toThrow("the disk is full");
  });

  test("leaves what follows unwritten even where it would fit", async () => {
    using folder = new TemporaryFolder();
    const path = folder.file("out.jsonl");
    const limited = ["sh", "-c", 'trap "" XFSZ; ulimit -f 1; exec "$@"', "sh"];
    const child = Bun.spawn([...limited, process.execPath, "-e", LIMITED_WRITER, path]);
    const answers = JSON.parse(await child.stdout.text());
    expect(answers).toEqual(["written", "OUTPUT_UNWRITABLE", "OUTPUT_UNWRITABLE"]);
    // The first write and a part of the second, which the next run cuts off.
    expect(readFileSync(path, "utf8")).toMatch(/^small\nx+$/);
    const settled = await writeOnce(folder.file("same.jsonl"), batchOf(message("small")));
    await writeOnce(path, batchOf(message("again")), { state: settled.state });
    expect(readFileSync(path, "utf8")).toBe("small\nagain\n");
  });

  test("writes to a device, which has no length", async () => {
    for (const existing of ["refuse", "append", "overwrite"] as const) {
      await using sink = sinkOf("/dev/null", { existing });
      expect((await open(sink)).state).toBeUndefined();
      const report = await sink.write(batchOf(message("a")), NEVER);
      expect([report.written, report.state]).toEqual([1, undefined]);
    }
  });
});

describe("open() of a file that is there", () => {
  const LINE = batchOf(message("new"));

  test("refuses it, adds to it or replaces it, as it was told", async () => {
    using folder = new TemporaryFolder();
    const path = folder.file("out.jsonl");
    writeFileSync(path, "old\n");
    expect(await codeOf(open(sinkOf(path)))).toBe("FILE_EXISTS");
    expect(readFileSync(path, "utf8")).toBe("old\n");
    expect(lengthIn((await writeOnce(path, LINE, { existing: "append" })).state)).toBe(8);
    expect(readFileSync(path, "utf8")).toBe("old\nnew\n");
    expect(lengthIn((await writeOnce(path, LINE, { existing: "overwrite" })).state)).toBe(4);
    expect(readFileSync(path, "utf8")).toBe("new\n");
  });

  test("does not add a line to one that is unfinished", async () => {
    using folder = new TemporaryFolder();
    const path = folder.file("out.jsonl");
    writeFileSync(path, "old");
    expect(lengthIn((await writeOnce(path, LINE, { existing: "append" })).state)).toBe(8);
    expect(readFileSync(path, "utf8")).toBe("old\nnew\n");
  });

  test("cuts it to the length of the checkpoint, whatever the flags say", async () => {
    for (const existing of ["refuse", "append", "overwrite"] as const) {
      using folder = new TemporaryFolder();
      const path = folder.file("out.jsonl");
      const { state } = await writeOnce(path, batchOf(message("one")));
      appendFileSync(path, "not settled\nhalf");
      await writeOnce(path, LINE, { existing, state });
      expect(readFileSync(path, "utf8")).toBe("one\nnew\n");
    }
  });

  test("refuses to go on in a file that is shorter, gone or another", async () => {
    using folder = new TemporaryFolder();
    const path = folder.file("out.jsonl");
    const { state } = await writeOnce(path, batchOf(message("one")));
    truncateSync(path, 3);
    expect(await codeOf(open(sinkOf(path), state))).toBe("OUTPUT_CHANGED");
    writeFileSync(path, "something else\n");
    expect(await codeOf(open(sinkOf(path), state))).toBe("OUTPUT_CHANGED");
    expect(readFileSync(path, "utf8")).toBe("something else\n");
    // As long as ours to the byte, with a line's end where ours has one.
    writeFileSync(path, "two\nmore of another's\n");
    expect(await codeOf(open(sinkOf(path), state))).toBe("OUTPUT_CHANGED");
    expect(readFileSync(path, "utf8")).toBe("two\nmore of another's\n");
    const gone = folder.file("gone.jsonl");
    expect(await codeOf(open(sinkOf(gone), state))).toBe("OUTPUT_CHANGED");
    expect(existsSync(gone)).toBe(false);
  });

  test("as long as nothing was settled, cuts what it wrote itself and nothing else", async () => {
    using folder = new TemporaryFolder();
    const path = folder.file("out.jsonl");
    const { state } = await writeOnce(path, batchOf());
    appendFileSync(path, "not settled\n");
    await writeOnce(path, LINE, { state });
    expect(readFileSync(path, "utf8")).toBe("new\n");
    const other = folder.file("other.jsonl");
    writeFileSync(other, "somebody's\n");
    expect(await codeOf(open(sinkOf(other), state))).toBe("OUTPUT_CHANGED");
    expect(readFileSync(other, "utf8")).toBe("somebody's\n");
  });
});

describe("open() of a file that cannot be", () => {
  test("says why", async () => {
    using folder = new TemporaryFolder();
    mkdirSync(folder.file("inner"));
    expect(open(sinkOf(folder.file("none/out.jsonl")))).rejects.toThrow("no such folder");
    expect(open(sinkOf(folder.file("inner")))).rejects.toThrow("it is a folder");
    expect(await codeOf(open(sinkOf(folder.file("none/out.jsonl"))))).toBe("OUTPUT_UNWRITABLE");
  });
});

describe("write() to stdout", () => {
  /** Writes batches to stdout until an error, whose code goes to stderr. */
  const WRITER = `
    import { createJsonlSink } from "${ROOT}/core/connectors/jsonl/writer.ts";
    import { SILENT_OBSERVER } from "${ROOT}/core/observe/observer.ts";
    const sink = createJsonlSink({ path: "-", format: "event", existing: "refuse", observer: SILENT_OBSERVER });
    const signal = new AbortController().signal;
    const stream = { address: "memory:source", identity: {} };
    await sink.open({ stream, resume: undefined, fromBeginning: false, signal });
    const value = Buffer.alloc(1000, "x");
    const message = { sequence: 0n, key: null, value, headers: [], timestampMs: -1 };
    const messages = Array.from({ length: 1000 }, () => message);
    const batch = { lane: "l", messages, position: "p", nextSequence: 1n, rejections: [], skipped: {}, sizeBytes: 1 };
    try {
      for (let count = 0; count < Number(process.argv[1]); count += 1) await sink.write(batch, signal);
    } catch (error) {
      console.error(error.code);
    }
    console.error("rss", Math.round(process.memoryUsage().rss / 2 ** 20));
  `;

  async function pipe(batches: number, reader: string): Promise<{ out: string; err: string }> {
    const command = `"$1" -e "$2" ${batches} | ${reader}`;
    const child = Bun.spawn(["sh", "-c", command, "sh", process.execPath, WRITER], {
      stdout: "pipe",
      stderr: "pipe",
    });
    const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
    return { out, err };
  }

  test("writes every line at the pace of its reader", async () => {
    const { out, err } = await pipe(300, "(sleep 1; wc -c)");
    expect(Number(out)).toBe(300 * 1000 * 1001);
    expect(Number(/rss (\d+)/.exec(err)?.[1])).toBeLessThan(200);
  }, 20_000);

  test("ends with OUTPUT_CLOSED when its reader has gone", async () => {
    const { out, err } = await pipe(300, "head -n 1 | wc -c");
    expect(out.trim()).toBe("1001");
    expect(err).toStartWith("OUTPUT_CLOSED\n");
  }, 20_000);
});
