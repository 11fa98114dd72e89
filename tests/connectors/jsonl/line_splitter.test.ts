import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { type Line, LineSplitter } from "../../../core/connectors/jsonl/line_splitter.ts";

/** Bytes with many line feeds among them, so that there is something to split. */
const BYTES = fc
  .array(fc.oneof(fc.constant(0x0a), fc.constant(0x0d), fc.integer({ min: 0, max: 255 })), {
    maxLength: 100,
    size: "max",
  })
  .map((bytes) => Buffer.from(bytes));

/** So few that there are lines below it, at it and beyond it. */
const MAX_LINE_BYTES = 4;

function split(content: Buffer, blockBytes: number): Line[] {
  const splitter = new LineSplitter({ maxLineBytes: MAX_LINE_BYTES });
  const lines: Line[] = [];
  for (let at = 0; at < content.length; at += blockBytes) {
    splitter.feed(content.subarray(at, at + blockBytes));
    for (let line = splitter.next(); line; line = splitter.next()) lines.push(line);
  }
  const last = splitter.finish();
  return last ? [...lines, last] : lines;
}

/** What splitting means, without any blocks. */
function expectedLines(content: Buffer): Line[] {
  const texts = content.toString("latin1").split("\n");
  if (texts.at(-1) === "") texts.pop();
  let start = 0;
  return texts.map((text, at) => {
    const end = Math.min(start + text.length + 1, content.length);
    const bytes = text.length > MAX_LINE_BYTES ? undefined : Buffer.from(text, "latin1");
    const line = { start, end, number: at + 1, bytes };
    start = end;
    return line;
  });
}

describe("LineSplitter", () => {
  test("gives the same lines however the bytes are cut into blocks", () => {
    fc.assert(
      fc.property(BYTES, fc.integer({ min: 1, max: 40 }), (content, blockBytes) => {
        expect(split(content, blockBytes)).toEqual(expectedLines(content));
      }),
    );
  });

  test("takes a line of exactly the limit, and none of a byte more", () => {
    for (const blockBytes of [1, MAX_LINE_BYTES, 100]) {
      const lines = split(Buffer.from("1234\n12345\n1234\r\n1234"), blockBytes);
      const texts = lines.map(({ bytes }) => bytes?.toString());
      expect(texts).toEqual(["1234", undefined, undefined, "1234"]);
    }
  });

  test("knows the bytes before the last line that it handed out", () => {
    fc.assert(
      fc.property(BYTES, fc.integer({ min: 1, max: 40 }), (content, blockBytes) => {
        const splitter = new LineSplitter({ maxLineBytes: MAX_LINE_BYTES });
        for (let at = 0; at < content.length; at += blockBytes) {
          splitter.feed(content.subarray(at, at + blockBytes));
          do {
            const expected = content.subarray(0, splitter.settledByte);
            expect(splitter.settledPrefix().equals(expected)).toBe(true);
          } while (splitter.next());
          expect(splitter.settledPrefix().equals(content.subarray(0, splitter.settledByte))).toBe(
            true,
          );
        }
      }),
    );
  });

  test("gives the same lines of what is read into its own memory, which is used again", () => {
    fc.assert(
      fc.property(BYTES, fc.integer({ min: 1, max: 40 }), (content, blockBytes) => {
        const splitter = new LineSplitter({ maxLineBytes: MAX_LINE_BYTES });
        const lines: Line[] = [];
        // Copies, since nobody holds the memory that the lines lie in.
        const keep = (line: Line) =>
          lines.push({ ...line, bytes: line.bytes && Buffer.from(line.bytes) });
        for (let at = 0; at < content.length;) {
          const room = splitter.room(blockBytes);
          const length = Math.min(room.length, content.length - at);
          content.copy(room, 0, at, at + length);
          splitter.feed(room.subarray(0, length));
          at += length;
          while (splitter.advance()) keep(splitter.line());
        }
        if (splitter.advanceToRest()) keep(splitter.line());
        expect(lines).toEqual(expectedLines(content));
      }),
    );
  });

  test("takes large blocks over into new memory, with the unfinished line", () => {
    const line = Buffer.from(`${"ab".repeat(150_000)}\n`);
    const content = Buffer.concat(Array.from({ length: 20 }, () => line));
    const splitter = new LineSplitter({ maxLineBytes: 400_000 });
    let count = 0;
    for (let at = 0; at < content.length;) {
      const room = splitter.room(content.length - at);
      content.copy(room, 0, at, at + room.length);
      splitter.feed(room);
      at += room.length;
      for (; splitter.advance(); count++) {
        expect(splitter.line().bytes?.equals(line.subarray(0, -1))).toBe(true);
        expect(splitter.isUtf8).toBe(true);
        const before = content.subarray(
          Math.max(0, splitter.settledByte - 65_536),
          splitter.settledByte,
        );
        expect(splitter.settledPrefix().equals(before)).toBe(true);
      }
    }
    expect(count).toBe(20);
  });

  test("knows whether the lines of a block are UTF-8, whatever it cuts in two", () => {
    const splitter = new LineSplitter();
    splitter.feed(Buffer.concat([Buffer.from("é\n"), Buffer.from("é").subarray(0, 1)]));
    expect(splitter.next()?.bytes?.toString()).toBe("é");
    expect(splitter.isUtf8).toBe(true);
    expect(splitter.next()).toBeUndefined();
    splitter.feed(Buffer.concat([Buffer.from("é").subarray(1), Buffer.from("\n\xff\n", "latin1")]));
    expect(splitter.next()?.bytes?.toString()).toBe("é");
    expect(splitter.isUtf8).toBe(false);
  });
});
