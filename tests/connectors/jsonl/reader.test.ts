import { describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import { NO_TIMESTAMP, type Source } from "../../../core/connector/mod.ts";
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
  rejectionsOf,
  textOf,
  valuesOf,
} from "./reading.ts";

const SAMPLE = join(import.meta.dir, "../../fixtures/stream.jsonl");
const RECORD = { topic: "t", partition: 2, offset: 7, tstype: "create", ts: 1_706_812_484_573 };

function open(path: string): Source {
  return createJsonlSource({ path, follow: false, observer: SILENT_OBSERVER });
}

function record(fields: object): string {
  return JSON.stringify({ ...RECORD, key: "k", payload: "{}", ...fields });
}

describe("read() of event lines", () => {
  test("yields the line's bytes, the event's key, the line's number and byte", async () => {
    const [batch] = await readContent(`${event("a")}\n${event("b")}\n`);
    expect(batch?.messages).toEqual([
      {
        sequence: 0n,
        line: 1,
        key: Buffer.from("a"),
        value: Buffer.from(event("a")),
        headers: [],
        timestampMs: NO_TIMESTAMP,
      },
      {
        sequence: BigInt(event("a").length + 1),
        line: 2,
        key: Buffer.from("b"),
        value: Buffer.from(event("b")),
        headers: [],
        timestampMs: NO_TIMESTAMP,
      },
    ]);
    expect(batch?.nextSequence).toBe(BigInt(2 * event("a").length + 2));
  });

  test("yields every line of the sample unchanged", async () => {
    const lines = readFileSync(SAMPLE, "utf8").trimEnd().split("\n");
    const batches = await readFileLines(SAMPLE);
    expect(valuesOf(batches)).toEqual(lines);
    expect(messagesOf(batches).map(({ key }) => textOf(key))).toEqual(
      lines.map((line) => JSON.parse(line).after.key),
    );
  });

  test("leaves out byte order mark, CR and blank lines, and takes a last line without LF", async () => {
    const batches = await readContent(`\ufeff${event("a")}\r\n\r\n \t\n\n${event("b")}`);
    expect(valuesOf(batches)).toEqual([event("a"), event("b")]);
    expect(messagesOf(batches).map(({ line }) => line)).toEqual([1, 5]);
    expect(batches.map(({ skipped }) => skipped)).toEqual([{ blank_line: 3 }, {}]);
  });

  test("rejects each bad line with its code and number, and goes on", async () => {
    const content = Buffer.concat([
      Buffer.from(`{"broken": secret\n`),
      Buffer.from(`${event("a")}\n`),
      Buffer.from([0x22, 0xff, 0x22, 0x0a]),
      Buffer.from(`{"op":"m","secret":1}\n5\n`),
      Buffer.from(`${"[".repeat(65)}${"]".repeat(65)}\n`),
      Buffer.from(`${"[".repeat(2_000_000)}\n`),
      Buffer.from(`${record({})}\n`),
      Buffer.from(`${event("b")}\n${event("c").slice(0, -5)}`),
    ]);
    const batches = await readContent(content);
    const rejections = rejectionsOf(batches);
    expect(rejections.map(({ line, code }) => [line, code])).toEqual([
      [1, "LINE_NOT_JSON"],
      [3, "LINE_NOT_UTF8"],
      [4, "LINE_WITHOUT_KEY"],
      [5, "LINE_WITHOUT_KEY"],
      [6, "LINE_TOO_DEEP"],
      [7, "LINE_NOT_JSON"],
      [8, "LINE_OF_OTHER_FORMAT"],
      [10, "LINE_NOT_JSON"],
    ]);
    expect(JSON.stringify(rejections.map(({ reason }) => reason))).not.toContain("secret");
    expect(valuesOf(batches)).toEqual([event("a"), event("b")]);
  });

  test("counts rejections in where it limits a batch and tells its size", async () => {
    const batches = await readContent("x\n".repeat(10_000));
    expect(batches.map(({ rejections }) => rejections.length)).toEqual([4_096, 4_096, 1_808]);
    for (const { sizeBytes } of batches) expect(sizeBytes).toBeGreaterThan(100_000);
  });

  test("leaves half a surrogate pair as it stands, since its escape is valid UTF-8", async () => {
    const line = '{"after":{"key":"k","value":{"object":{"name":"\\ud800"}}}}';
    expect(valuesOf(await readContent(line))).toEqual([line]);
  });

  test("names line 400 when that is the broken one", async () => {
    const lines = readFileSync(SAMPLE, "utf8").trimEnd().split("\n");
    const broken = lines.with(399, '{"before": null, "after": {');
    const batches = await readContent(broken.join("\n"));
    expect(rejectionsOf(batches).map(({ line, code }) => [line, code])).toEqual([
      [400, "LINE_NOT_JSON"],
    ]);
    expect(messagesOf(batches)).toHaveLength(lines.length - 1);
  });

  test("rejects a line of 20 MiB, and takes its neighbours", async () => {
    const long = `{"after":{"key":"${"x".repeat(20 * 1024 * 1024)}"}}`;
    const batches = await readContent(`${event("a")}\n${long}\n${event("b")}\n`);
    expect(valuesOf(batches)).toEqual([event("a"), event("b")]);
    expect(rejectionsOf(batches)).toMatchObject([
      { line: 2, code: "LINE_TOO_LONG", sequence: BigInt(event("a").length + 1) },
    ]);
  });

  test("passes over the events of excluded types and counts them", async () => {
    const keys = ["c/1/o/key/2", "c/1/o/service/3", "c/1/o/certificate/4", "key"];
    const content = keys.map((key) => `${event(key)}\n`).join("");
    const batches = await readContent(content, { excludeTypes: ["key", "certificate"] });
    expect(messagesOf(batches).map(({ key }) => textOf(key))).toEqual(["c/1/o/service/3", "key"]);
    expect(batches.map(({ skipped }) => skipped)).toEqual([{ excluded_type: 2 }]);
  });
});

describe("read() of record lines", () => {
  test("yields key, value, headers, time and place of each", async () => {
    const lines = [
      record({ headers: ["name", "value", "none", null] }),
      record({ key: null, payload: null, offset: 8 }),
      record({ key: undefined, payload: undefined, key_base64: "/w==", payload_base64: "/g==" }),
    ];
    const messages = messagesOf(await readContent(lines.join("\n")));
    const origin = { topic: "t", partition: 2, offset: 7n };
    expect(messages).toMatchObject([
      {
        key: Buffer.from("k"),
        value: Buffer.from("{}"),
        headers: [
          { name: "name", value: Buffer.from("value") },
          { name: "none", value: null },
        ],
        timestampMs: RECORD.ts,
        origin,
      },
      {
        key: null,
        value: null,
        headers: [],
        timestampMs: RECORD.ts,
        origin: { ...origin, offset: 8n },
      },
      {
        key: Buffer.from([255]),
        value: Buffer.from([254]),
        headers: [],
        timestampMs: RECORD.ts,
        origin,
      },
    ]);
  });

  test("tells records from events by the first line that is an object", async () => {
    const batches = await readContent(`broken\n5\n[]\n\n${record({})}\n${event("a")}\n`);
    expect(valuesOf(batches)).toEqual(["{}"]);
    expect(rejectionsOf(batches).map(({ line, code }) => [line, code])).toEqual([
      [1, "LINE_NOT_JSON"],
      [2, "LINE_WITHOUT_KEY"],
      [3, "LINE_WITHOUT_KEY"],
      [6, "LINE_OF_OTHER_FORMAT"],
    ]);
  });

  test("rejects lines of the other look when a format is insisted on", async () => {
    const content = `${record({})}\n${event("a")}\n`;
    const asEvents = await readContent(content, { format: "event" });
    expect(rejectionsOf(asEvents)).toMatchObject([{ line: 1, code: "LINE_OF_OTHER_FORMAT" }]);
    expect(valuesOf(asEvents)).toEqual([event("a")]);
    const asRecords = await readContent(content, { format: "record" });
    expect(rejectionsOf(asRecords)).toMatchObject([{ line: 2, code: "LINE_OF_OTHER_FORMAT" }]);
    expect(valuesOf(asRecords)).toEqual(["{}"]);
  });

  test("rejects a malformed record and says what is wrong", async () => {
    const content = `${record({})}\n${record({ payload: {} })}\n`;
    expect(rejectionsOf(await readContent(content))).toMatchObject([
      { line: 2, code: "RECORD_MALFORMED", reason: expect.stringContaining("payload") },
    ]);
  });

  test("finds an excluded type in the payload or in any kind of key", async () => {
    const key = "c/1/o/key/2";
    const lines = [
      record({ key: null, payload: event(key) }),
      record({ key: `Struct{key=${key}}`, payload: event(key) }),
      record({ key: JSON.stringify({ key }), payload: null }),
      record({ key: JSON.stringify({ schema: {}, payload: { key } }), payload: null }),
      record({ key: JSON.stringify(key), payload: null }),
      record({ key: JSON.stringify({ schema: {}, payload: key }), payload: null }),
      record({ key: `Struct{key=${key}}`, payload: null }),
      record({ key, payload: null }),
      record({ key: "c/1/o/service/2", payload: null }),
    ];
    const batches = await readContent(lines.join("\n"), { excludeTypes: ["key"] });
    expect(messagesOf(batches).map((message) => textOf(message.key))).toEqual(["c/1/o/service/2"]);
  });
});

describe("read() from a position", () => {
  const CONTENTS = {
    events: `\ufeff${event("a")}\r\n\n${event("b")}\nbroken\n\n${event("ü")}\n${event("d")}`,
    records: `5\n${record({})}\n${record({ offset: 8 })}\n\n${record({ offset: 9 })}\n`,
  };

  for (const [name, content] of Object.entries(CONTENTS)) {
    test(`yields exactly the rest, after every one of the ${name}`, async () => {
      using folder = new TemporaryFolder();
      const path = folder.file("stream.jsonl");
      writeFileSync(path, content);
      const all = await readFileLines(path);
      for (let count = 1; count <= 8; count += 1) {
        const head = await readFileLines(path, { maxEventsCount: count });
        const rest = await readFileLines(path, { from: head.at(-1)?.position });
        expect(messagesOf([...head, ...rest])).toEqual(messagesOf(all));
        expect(rejectionsOf([...head, ...rest])).toEqual(rejectionsOf(all));
      }
    });
  }

  test("goes on in a file that has grown", async () => {
    using folder = new TemporaryFolder();
    const path = folder.file("stream.jsonl");
    writeFileSync(path, `${event("a")}\n`);
    const [first] = await readFileLines(path);
    writeFileSync(path, `${event("a")}\n${event("b")}\n`);
    expect(valuesOf(await readFileLines(path, { from: first?.position }))).toEqual([event("b")]);
  });

  test("takes the end of a line that had none as no line", async () => {
    for (const lineEnd of ["\n", "\r\n"]) {
      using folder = new TemporaryFolder();
      const path = folder.file("stream.jsonl");
      writeFileSync(path, `${event("a")}\n${event("b")}`);
      const position = (await readFileLines(path)).at(-1)?.position;
      writeFileSync(path, `${event("a")}\n${event("b")}${lineEnd}${event("c")}\n`);
      const rest = await readFileLines(path, { from: position });
      expect(messagesOf(rest)).toMatchObject([{ line: 3, value: Buffer.from(event("c")) }]);
      expect(rest.map(({ skipped }) => skipped)).toEqual([{}]);
    }
  });

  test("refuses a last line that went on after it was read", async () => {
    using folder = new TemporaryFolder();
    const path = folder.file("stream.jsonl");
    writeFileSync(path, `${event("a")}\n${event("b")}`);
    const position = (await readFileLines(path)).at(-1)?.position;
    writeFileSync(path, `${event("a")}\n${event("b")} and more\n`);
    expect(await codeOf(readFileLines(path, { from: position }))).toBe("FILE_CHANGED");
  });

  test("refuses a file that is shorter or was edited, naming byte and line", async () => {
    using folder = new TemporaryFolder();
    const path = folder.file("stream.jsonl");
    const lines = Array.from({ length: 2_000 }, (_, at) => `${event(`key ${at}`)}\n`).join("");
    writeFileSync(path, lines);
    const position = (await readFileLines(path)).at(-1)?.position;

    writeFileSync(path, lines.slice(0, -1));
    const shorter = readFileLines(path, { from: position });
    expect(shorter).rejects.toThrow(`byte ${lines.length} (line 2000)`);
    expect(await codeOf(shorter)).toBe("FILE_CHANGED");

    writeFileSync(path, lines.replace("key 1999", "key 1998"));
    const edited = readFileLines(path, { from: position });
    expect(edited).rejects.toThrow(`byte ${lines.length} (line 2000)`);
    expect(await codeOf(edited)).toBe("FILE_CHANGED");
    expect(await codeOf(readFileLines(path, { from: "5" }))).toBe("POSITION_MALFORMED");
  });

  test("yields any lines once, however a run is cut up", async () => {
    const line = fc.constantFrom(event("a"), event("b"), "", "broken", " ", `${event("c")}\r`);
    await fc.assert(
      fc.asyncProperty(fc.array(line), fc.integer({ min: 1, max: 4 }), async (lines, count) => {
        using folder = new TemporaryFolder();
        const path = folder.file("stream.jsonl");
        writeFileSync(path, lines.join("\n"));
        const all = await readFileLines(path);
        const parts = [];
        for (let from: string | undefined; ;) {
          const part = await readFileLines(path, { from, maxEventsCount: count });
          if (part.length === 0) break;
          parts.push(...part);
          from = part.at(-1)?.position;
        }
        expect(messagesOf(parts)).toEqual(messagesOf(all));
        expect(rejectionsOf(parts)).toEqual(rejectionsOf(all));
      }),
      { numRuns: 50 },
    );
  });
});

describe("read() with limits", () => {
  test("counts messages, rejections and skipped lines against maxEventsCount", async () => {
    const content = `${event("a")}\n\nbroken\n${event("b")}\n${event("c")}\n`;
    const batches = await readContent(content, { maxEventsCount: 4 });
    expect(valuesOf(batches)).toEqual([event("a"), event("b")]);
    expect(await readContent(content, { maxEventsCount: 0 })).toEqual([]);
  });

  test("makes batches of at most maxBatchCount messages", async () => {
    const batches = await readContent(`${event("a")}\n`.repeat(7), { maxBatchCount: 3 });
    expect(batches.map(({ messages }) => messages.length)).toEqual([3, 3, 1]);
  });

  test("says how big a batch is", async () => {
    const [batch] = await readContent(`${event("a")}\n`);
    expect(batch?.sizeBytes).toBeGreaterThan(event("a").length);
  });
});

describe("open()", () => {
  test("names the stream by its first line, wherever the file is", async () => {
    using folder = new TemporaryFolder();
    const identities = [];
    for (const [name, content] of [
      ["a", `${event("a")}\n`],
      ["b", `${event("a")}\n${event("b")}\n`],
      ["c", `${event("b")}\n`],
      ["d", ""],
    ] as const) {
      writeFileSync(folder.file(name), content);
      await using source = open(folder.file(name));
      const { address, identity } = await source.open(NEVER);
      expect(address).toMatch(/^file:[0-9a-f]{32}$/);
      expect(identity).toEqual({ "stream id": address.slice("file:".length) });
      identities.push(address);
    }
    expect(identities[1]).toBe(identities[0]);
    expect(new Set(identities).size).toBe(3);
  });

  test("refuses what is no file", async () => {
    using folder = new TemporaryFolder();
    expect(await codeOf(open(folder.file("none")).open(NEVER))).toBe("FILE_NOT_FOUND");
    expect(await codeOf(open(folder.path).open(NEVER))).toBe("FILE_IS_FOLDER");
    writeFileSync(folder.file("file"), "");
    expect(await codeOf(open(folder.file("file/inside")).open(NEVER))).toBe("FILE_NOT_FOUND");
  });
});

describe("ends()", () => {
  test("gives the size of a file, and nothing for stdin", async () => {
    using folder = new TemporaryFolder();
    const path = folder.file("stream.jsonl");
    writeFileSync(path, `${event("a")}\n`);
    await using file = open(path);
    await file.open(NEVER);
    expect(await file.ends()).toEqual(new Map([["lines", BigInt(event("a").length + 1)]]));
    await using stdin = open("-");
    expect(await stdin.open(NEVER)).toEqual({ address: "stdin", identity: {} });
    expect(await stdin.ends()).toEqual(new Map());
  });
});
