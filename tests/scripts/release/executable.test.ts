import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { describeExecutable } from "../../../scripts/release/executable.ts";
import { TARGETS } from "../../../scripts/release/targets.ts";
import { KONN } from "../../e2e/konn.ts";
import { machO } from "./mach_o.ts";

test("the binary of this machine is what its target says", () => {
  const own = TARGETS.filter(({ name }) => name === `${process.platform}-${process.arch}`);
  expect([describeExecutable(readFileSync(KONN))]).toEqual(own.map(({ kind }) => kind));
});

test("an ELF of musl is told from one of glibc, and of another machine", () => {
  expect(describeExecutable(elf({ machine: 0xb7, loader: "/lib/ld-musl-aarch64.so.1" }))).toEqual({
    format: "elf",
    machine: "arm64",
    interpreter: "/lib/ld-musl-aarch64.so.1",
  });
  expect(describeExecutable(elf({ machine: 0x3e }))).toEqual({
    format: "elf",
    machine: "x64",
    interpreter: undefined,
  });
});

test("a Mach-O and a PE are told by their machines", () => {
  expect(describeExecutable(machO({ cpu: 0x01_00_00_0c }))).toEqual({
    format: "mach-o",
    machine: "arm64",
    interpreter: "/usr/lib/dyld",
  });
  expect(describeExecutable(pe(0xaa_64))).toEqual({
    format: "pe",
    machine: "arm64",
    interpreter: undefined,
  });
});

test.each([
  ["another machine", elf({ machine: 0x28 }), "0x28 is none"],
  ["32 bits", elf({ machine: 0x3e, bits: 1 }), "32 bits"],
  ["a library of macOS", machO({ cpu: 0x01_00_00_07, kind: 6 }), "no program"],
  ["a script", Buffer.from("#!/bin/sh\nexit 0\n"), "no ELF, Mach-O or PE"],
  ["a file that was cut", elf({ machine: 0x3e, loader: "/lib/ld" }).subarray(0, 60), "ends"],
  ["nothing", new Uint8Array(), "ends"],
])("describeExecutable() refuses %s", (_title, file, message) => {
  expect(() => describeExecutable(file)).toThrow(message);
});

function elf({ machine, loader, bits = 2 }: { machine: number; loader?: string; bits?: number }) {
  const file = Buffer.alloc(64 + 56 + 32);
  file.set([0x7f, 0x45, 0x4c, 0x46, bits, 1]);
  file.writeUInt16LE(machine, 18);
  file.writeBigUInt64LE(64n, 32);
  file.writeUInt16LE(56, 54);
  file.writeUInt16LE(loader === undefined ? 0 : 1, 56);
  file.writeUInt32LE(3, 64);
  file.writeBigUInt64LE(120n, 64 + 8);
  file.write(`${loader}\0`, 120);
  return file;
}

function pe(machine: number) {
  const file = Buffer.alloc(128);
  file.write("MZ");
  file.writeUInt32LE(64, 60);
  file.write("PE\0\0", 64);
  file.writeUInt16LE(machine, 68);
  file.writeUInt16LE(0x2_0b, 88);
  return file;
}
