import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { TemporaryFolder } from "../../fakes/temporary_folder.ts";

const CONNECTOR = join(import.meta.dir, "../../../core/connectors/jsonl");
const LIMIT_MIB = 256;

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
  let written = 0;
  for await (const batch of source.read({ from: new Map(), stop: never })) {
    written += (await sink.write(batch, never)).written;
  }
  console.log(written, Math.round(process.resourceUsage().maxRSS / 1024));
`;

test("read() and write() keep to the memory limit with lines of 16 MiB", async () => {
  using folder = new TemporaryFolder();
  const path = folder.file("stream.jsonl");
  // Characters beyond Latin-1, of which the engine takes two bytes each, and ones to be escaped.
  const line = `${JSON.stringify({ after: { key: "k", value: '€"'.repeat(3_300_000) } })}\n`;
  writeFileSync(path, line.repeat(8));
  // A process begins with the peak of the one that started it, so a small one stands between.
  const shell = ["sh", "-c", '"$@"; exit $?', "sh"];
  const copy = Bun.spawn([...shell, process.execPath, "-e", COPY, path, folder.file("out.jsonl")]);
  const [written, peakMib] = (await copy.stdout.text()).split(" ").map(Number);
  expect(written).toBe(8);
  expect(peakMib).toBeLessThan(LIMIT_MIB);
}, 60_000);
