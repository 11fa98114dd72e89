import { describe, expect, test } from "bun:test";
import { appendFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { TemporaryFolder } from "../../fakes/temporary_folder.ts";

const CONNECTOR = join(import.meta.dir, "../../../core/connectors/jsonl");
const LIMIT_MIB = 256;
const TEST_TIMEOUT_MS = 60_000;

/** Copies lines from a file to a file and prints how much memory that took at most, in MiB. */
const COPY = `
  import { createJsonlSource } from "${CONNECTOR}/reader.ts";
  import { createJsonlSink } from "${CONNECTOR}/writer.ts";
  const [path, out] = process.argv.slice(1);
  const observer = { log: { info() {} }, retried() {} };
  const never = new AbortController().signal;
  const source = createJsonlSource({ path, follow: false, observer });
  const stream = await source.open(never);
  const sink = createJsonlSink({ path: out, format: "record", existing: "refuse", observer });
  await sink.open({ stream, resume: undefined, fromBeginning: false, signal: never });
  const sum = { written: 0, rejected: 0 };
  for await (const batch of source.read({ from: new Map(), stop: never })) {
    sum.written += (await sink.write(batch, never)).written;
    sum.rejected += batch.rejections.length;
  }
  const peakMib = Math.round(process.resourceUsage().maxRSS / 1024);
  console.log(JSON.stringify({ ...sum, peakMib }));
`;

interface Copied {
  readonly written: number;
  readonly rejected: number;
  readonly peakMib: number;
}

async function copyInChild(path: string): Promise<Copied> {
  using folder = new TemporaryFolder();
  // A process begins with the peak of the one that started it, so a small one stands between.
  const shell = ["sh", "-c", '"$@"; exit $?', "sh"];
  const copy = Bun.spawn([...shell, process.execPath, "-e", COPY, path, folder.file("out.jsonl")]);
  return JSON.parse(await copy.stdout.text());
}

test(
  "read() and write() keep to the memory limit with lines of 16 MiB",
  async () => {
    using folder = new TemporaryFolder();
    const path = folder.file("stream.jsonl");
    // Characters beyond Latin-1, of which the engine takes two bytes each, and ones to be escaped.
    const line = `${JSON.stringify({ after: { key: "k", value: '€"'.repeat(3_300_000) } })}\n`;
    writeFileSync(path, line.repeat(8));
    const { written, peakMib } = await copyInChild(path);
    expect(written).toBe(8);
    expect(peakMib).toBeLessThan(LIMIT_MIB);
  },
  TEST_TIMEOUT_MS,
);

describe("read() keeps to the memory limit with a file that is one line of 300 MB", () => {
  const PART = Buffer.alloc(10_000_000, "x");

  /** How a part of the line is stored; archives may have as many members as there are parts. */
  test.each([
    ["plain", PART],
    ["gzip", gzipSync(PART)],
    ["zstd", Bun.zstdCompressSync(PART)],
  ])(
    "%s",
    async (_name, part) => {
      using folder = new TemporaryFolder();
      const path = folder.file("stream");
      for (let count = 0; count < 30; count += 1) appendFileSync(path, part);
      const { rejected, peakMib } = await copyInChild(path);
      expect(rejected).toBe(1);
      expect(peakMib).toBeLessThan(LIMIT_MIB);
    },
    TEST_TIMEOUT_MS,
  );
});

test(
  "read() keeps to the memory limit when every line is refused",
  async () => {
    using folder = new TemporaryFolder();
    const path = folder.file("stream.jsonl");
    const linesCount = 2_000_000;
    writeFileSync(path, "x\n".repeat(linesCount));
    const { rejected, peakMib } = await copyInChild(path);
    expect(rejected).toBe(linesCount);
    expect(peakMib).toBeLessThan(LIMIT_MIB);
  },
  TEST_TIMEOUT_MS,
);
