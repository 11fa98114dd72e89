import { expect, test } from "bun:test";
import { describeExecutable } from "../../../scripts/release/executable.ts";
import { changedPagesCount, signAdHoc } from "../../../scripts/release/mach_o_signature.ts";
import { machO } from "./mach_o.ts";

const X64 = 0x01_00_00_07;

test("signAdHoc() makes a signature that every page agrees with, and the program stays what it is", () => {
  const signed = signAdHoc(machO({ cpu: X64 }), "konn");
  expect(changedPagesCount(signed)).toBe(0);
  expect(describeExecutable(signed)).toEqual({
    format: "mach-o",
    machine: "x64",
    interpreter: "/usr/lib/dyld",
  });
  // To sign it once more changes nothing.
  expect(signAdHoc(signed, "konn")).toEqual(signed);
});

test("signAdHoc() leaves a segment and a command that end with the file", () => {
  const signed = Buffer.from(signAdHoc(machO({ cpu: X64 }), "konn"));
  const linkEditAt = signed.indexOf("__LINKEDIT") - 8;
  const start = signed.readBigUInt64LE(linkEditAt + 40);
  const bytes = signed.readBigUInt64LE(linkEditAt + 48);
  expect(start + bytes).toBe(BigInt(signed.length));
  expect(signed.readBigUInt64LE(linkEditAt + 32)).toBeGreaterThanOrEqual(bytes);
});

test.each([
  ["the headers", 28],
  ["the last page", 3 * 4_096 + 50],
])("changedPagesCount() sees one changed byte in %s", (_title, at) => {
  const signed = Buffer.from(signAdHoc(machO({ cpu: X64 }), "konn"));
  // A byte that no reader of the layout looks at.
  signed.writeUInt8(signed.readUInt8(at) ^ 1, at);
  expect(changedPagesCount(signed)).toBe(1);
});

test("a program without a signature is refused", () => {
  const program = machO({ cpu: X64 });
  program.writeUInt32LE(3, 16);
  expect(() => changedPagesCount(program)).toThrow("no signature");
});
