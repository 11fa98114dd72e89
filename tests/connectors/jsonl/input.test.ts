import { describe, expect, test } from "bun:test";
import { appendFileSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { Batch, Source } from "../../../core/connector/mod.ts";
import { createJsonlSource } from "../../../core/connectors/jsonl/reader.ts";
import { SILENT_OBSERVER } from "../../../core/observe/observer.ts";
import { TemporaryFolder } from "../../fakes/temporary_folder.ts";
import {
  codeOf,
  event,
  messagesOf,
  NEVER,
  readContent,
  readFileLines,
  valuesOf,
} from "./reading.ts";

const SAMPLE = readFileSync(join(import.meta.dir, "../../fixtures/stream.jsonl"));
/** Several blocks of random keys, so that archives of it are not tiny. */
const LARGE = Buffer.from(
  Array.from({ length: 60_000 }, () => `${event(Bun.randomUUIDv7())}\n`).join(""),
);

const COMPRESSIONS = {
  gzip: (bytes: Uint8Array) => gzipSync(bytes),
  zstd: (bytes: Uint8Array) => Bun.zstdCompressSync(bytes),
} as const;

for (const [name, compress] of Object.entries(COMPRESSIONS)) {
  describe(`read() of ${name}`, () => {
    test("gives what the plain file gives, offsets included", async () => {
      for (const content of [SAMPLE, LARGE]) {
        const plain = messagesOf(await readContent(content));
        expect(Bun.deepEquals(messagesOf(await readContent(compress(content))), plain)).toBe(true);
      }
    });

    test("reads an archive of several members to its end", async () => {
      const parts = ["a", "b", "c"].map((key) => compress(Buffer.from(`${event(key)}\n`)));
      const batches = await readContent(Buffer.concat(parts));
      expect(valuesOf(batches)).toEqual([event("a"), event("b"), event("c")]);
    });

    test("resumes at any place of it", async () => {
      using folder = new TemporaryFolder();
      const path = folder.file("stream");
      writeFileSync(path, compress(LARGE));
      const all = await readFileLines(path);
      for (const count of [1, 30_000, 59_999]) {
        const head = await readFileLines(path, { maxEventsCount: count });
        const rest = await readFileLines(path, { from: head.at(-1)?.position });
        expect(messagesOf(rest).length).toBe(60_000 - count);
        expect(messagesOf(rest).at(-1)).toEqual(messagesOf(all)[59_999]);
      }
    });

    test("goes on in the plain file that it was made of", async () => {
      using folder = new TemporaryFolder();
      writeFileSync(folder.file("packed"), compress(LARGE));
      writeFileSync(folder.file("plain"), LARGE);
      const head = await readFileLines(folder.file("packed"), { maxEventsCount: 100 });
      const rest = await readFileLines(folder.file("plain"), { from: head.at(-1)?.position });
      expect(messagesOf(rest)).toHaveLength(60_000 - 100);
    });

    test("refuses another archive than the one that was read", async () => {
      using folder = new TemporaryFolder();
      const path = folder.file("stream");
      writeFileSync(path, compress(LARGE));
      const position = (await readFileLines(path)).at(-1)?.position;
      for (const changed of [LARGE.subarray(0, 500_000), Buffer.from(LARGE).fill(32, 3_900_000)]) {
        writeFileSync(path, compress(changed));
        expect(await codeOf(readFileLines(path, { from: position }))).toBe("FILE_CHANGED");
      }
    });

    test("refuses a broken archive after the whole lines before the break", async () => {
      const whole = compress(LARGE);
      const broken = {
        cut: whole.subarray(0, whole.length / 2),
        "cut by a byte": whole.subarray(0, -1),
        "with something behind it": Buffer.concat([whole, Buffer.from("something")]),
      };
      for (const [fault, content] of Object.entries(broken)) {
        const { batches, code } = await readUntilError(content);
        expect([fault, code]).toEqual([fault, "FILE_CORRUPT"]);
        const values = valuesOf(batches);
        expect([fault, values.length > 10_000]).toEqual([fault, true]);
        expect(LARGE.toString().startsWith(values.join("\n"))).toBe(true);
      }
      expect((await readUntilError(whole.subarray(0, 6))).code).toBe("FILE_CORRUPT");
    });

    test("recognises it on stdin, in pieces of a byte", async () => {
      const packed = compress(SAMPLE);
      const stdin = (async function* () {
        for (let at = 0; at < packed.length; at += 1) yield packed.subarray(at, at + 1);
      })();
      expect(valuesOf(await readFileLines("-", { stdin })).join("\n")).toBe(
        SAMPLE.toString().trimEnd(),
      );
    });

    test("is not followed", async () => {
      using folder = new TemporaryFolder();
      const path = folder.file("stream");
      writeFileSync(path, compress(SAMPLE));
      expect(await codeOf(follow(path).open(NEVER))).toBe("FILE_NOT_FOLLOWABLE");
    });
  });
}

describe("read() of stdin", () => {
  test("gives the lines of a stream, whatever its pieces", async () => {
    for (const pieceBytes of [1, 7, 1000]) {
      const stdin = (async function* () {
        for (let at = 0; at < 20_000; at += pieceBytes) {
          yield SAMPLE.subarray(at, Math.min(at + pieceBytes, 20_000));
        }
      })();
      const batches = await readFileLines("-", { stdin });
      const plain = await readContent(SAMPLE.subarray(0, 20_000));
      expect(messagesOf(batches)).toEqual(messagesOf(plain));
    }
  });

  test("ends at once when it is stopped while nothing comes", async () => {
    const stdin = (async function* () {
      yield Buffer.from(`${event("a")}\nhalf a line`);
      await Promise.withResolvers<void>().promise;
    })();
    await using source = createJsonlSource({
      path: "-",
      follow: false,
      observer: SILENT_OBSERVER,
      stdin,
    });
    await source.open(NEVER);
    const stop = new AbortController();
    const batches: Batch[] = [];
    for await (const batch of source.read({ from: new Map(), stop: stop.signal })) {
      batches.push(batch);
      setTimeout(() => stop.abort(), 10);
    }
    expect(valuesOf(batches)).toEqual([event("a")]);
  });

  test("says so when stdin cannot be read", async () => {
    const stdin = (async function* () {
      yield Buffer.from(`${event("a")}\n`);
      throw new Error("gone");
    })();
    expect(await codeOf(readFileLines("-", { stdin }))).toBe("FILE_UNREADABLE");
  });
});

describe("read() of a followed file", () => {
  test("yields what is appended, and a line only when it is whole", async () => {
    await using run = new FollowedFile(`${event("a")}\n`);
    expect(await run.next()).toEqual([event("a")]);
    appendFileSync(run.path, event("b"));
    await Bun.sleep(450);
    appendFileSync(run.path, `\n${event("c")}\n`);
    expect(await run.next()).toEqual([event("b"), event("c")]);
    appendFileSync(run.path, `${event("d")}\n`);
    expect(await run.next()).toEqual([event("d")]);
  });

  test("sees what is appended within a second", async () => {
    await using run = new FollowedFile(`${event("a")}\n`);
    await run.next();
    for (const key of ["b", "c"]) {
      const next = run.next();
      await Bun.sleep(250);
      const startMs = performance.now();
      appendFileSync(run.path, `${event(key)}\n`);
      expect(await next).toEqual([event(key)]);
      expect(performance.now() - startMs).toBeLessThan(1_000);
    }
  });

  test("does not yield an unfinished line when it is stopped", async () => {
    await using run = new FollowedFile(`${event("a")}\n${event("b")}`);
    expect(await run.next()).toEqual([event("a")]);
    setTimeout(() => run.stop.abort(), 100);
    expect(await run.next()).toEqual([]);
  });

  test("waits for the first line, since that is what the stream is named by", async () => {
    using folder = new TemporaryFolder();
    const path = folder.file("stream.jsonl");
    writeFileSync(path, "");
    await using source = follow(path);
    const opening = source.open(NEVER);
    await Bun.sleep(50);
    appendFileSync(path, `${event("a")}\n`);
    const { address } = await opening;
    await using bounded = createJsonlSource({ path, follow: false, observer: SILENT_OBSERVER });
    expect((await bounded.open(NEVER)).address).toBe(address);
  });

  test("refuses a file that was cut or rewritten", async () => {
    const lines = `${event("a")}\n${event("b")}\n`;
    const changes: Record<string, (path: string) => void> = {
      cut: (path) => writeFileSync(path, `${event("a")}\n`),
      rewritten: (path) => writeFileSync(path, `${event("c")}\n`.repeat(9)),
    };
    for (const [change, apply] of Object.entries(changes)) {
      await using run = new FollowedFile(lines);
      expect(await run.next()).toEqual([event("a"), event("b")]);
      apply(run.path);
      expect([change, await codeOf(run.next())]).toEqual([change, "FILE_CHANGED"]);
    }
  });

  test("reads a file that was moved away to its end, and ends when another has its name", async () => {
    await using run = new FollowedFile(`${event("a")}\n`);
    expect(await run.next()).toEqual([event("a")]);
    appendFileSync(run.path, `${event("b")}\n`);
    renameSync(run.path, `${run.path}.1`);
    expect(await run.next()).toEqual([event("b")]);
    appendFileSync(`${run.path}.1`, `${event("late")}\n`);
    expect(await run.next()).toEqual([event("late")]);
    writeFileSync(run.path, `${event("c")}\n`);
    expect(await run.next()).toEqual([]);
  });
});

describe("open()", () => {
  test("refuses a pipe and a device at once", async () => {
    using folder = new TemporaryFolder();
    const path = folder.file("pipe");
    expect(Bun.spawnSync(["mkfifo", path]).exitCode).toBe(0);
    expect(await codeOf(follow(path).open(NEVER))).toBe("FILE_IS_PIPE");
    expect(await codeOf(follow("/dev/null").open(NEVER))).toBe("FILE_IS_PIPE");
  });
});

function follow(path: string): Source {
  return createJsonlSource({ path, follow: true, observer: SILENT_OBSERVER });
}

/** A file and a source that follows it. */
class FollowedFile implements AsyncDisposable {
  readonly stop = new AbortController();
  readonly path: string;
  readonly #folder = new TemporaryFolder();
  readonly #source: Source;
  #batches: AsyncIterator<Batch> | undefined;

  constructor(content: string) {
    this.path = this.#folder.file("stream.jsonl");
    writeFileSync(this.path, content);
    this.#source = follow(this.path);
  }

  /** The values of the next batch, none at the end. */
  async next(): Promise<string[]> {
    this.#batches ??= await this.#open();
    const { done, value } = await this.#batches.next();
    return done === true ? [] : valuesOf([value]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop.abort();
    await this.#source[Symbol.asyncDispose]();
    this.#folder[Symbol.dispose]();
  }

  async #open(): Promise<AsyncIterator<Batch>> {
    await this.#source.open(NEVER);
    const batches = this.#source.read({ from: new Map(), stop: this.stop.signal });
    return batches[Symbol.asyncIterator]();
  }
}

async function readUntilError(content: Uint8Array): Promise<{ batches: Batch[]; code: string }> {
  using folder = new TemporaryFolder();
  const path = folder.file("stream");
  writeFileSync(path, content);
  await using source = createJsonlSource({ path, follow: false, observer: SILENT_OBSERVER });
  const batches: Batch[] = [];
  const code = await codeOf(
    (async () => {
      await source.open(NEVER);
      for await (const batch of source.read({ from: new Map(), stop: NEVER })) batches.push(batch);
    })(),
  );
  return { batches, code };
}
