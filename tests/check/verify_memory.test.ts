import { expect, test } from "bun:test";
import { join } from "node:path";

const ROOT = join(import.meta.dir, "../..");
const LIMIT_MIB = 256;
const KEYS_COUNT = 1_000_000;

/**
 * Compares so many rows with an index that holds none of every tenth, and prints the difference
 * and how much memory that took at most, in MiB.
 */
const VERIFY = `
  import { verifyIndex } from "${ROOT}/core/check/verify_index.ts";
  const count = Number(process.argv[1]);
  const never = new AbortController().signal;
  const keyOf = (at) => "c/0123456789abcdef-0123-4567-89abcdef0123/o/service/" + String(at * 7919 % count).padStart(48, "0");
  const source = () => ({
    open: async () => ({ address: "fake:", identity: {} }),
    ends: async () => new Map(),
    commit: async () => {},
    [Symbol.asyncDispose]: async () => {},
    async *read({ from }) {
      for (let first = Number(from.get("t/0") ?? 0); first < count; first += 1000) {
        const messages = Array.from({ length: 1000 }, (_, at) => {
          const key = keyOf(first + at);
          const value = { op: "u", after: { key, value: { object: { name: "service " + key } } } };
          return { sequence: BigInt(first + at), key: Buffer.from(key), value: Buffer.from(JSON.stringify(value)), headers: [], timestampMs: 0 };
        });
        yield { lane: "t/0", messages, position: String(first + 1000), nextSequence: BigInt(first + 1000), rejections: [], skipped: {}, sizeBytes: 0 };
      }
    },
  });
  const inspector = {
    open: async () => ({ source: {}, truncatedAtLsn: undefined }),
    confirm: async () => {},
    repair: async () => 0,
    [Symbol.asyncDispose]: async () => {},
    async *documents() {
      for (let first = 0; first < count; first += 1000) {
        yield Array.from({ length: 1000 }, (_, at) => first + at).filter((at) => at % 10 > 0).map((at) => {
          const key = keyOf(at);
          const [, controlPlane, , type, id] = key.split("/");
          const content = { type, id, control_plane: controlPlane, name: "service " + key };
          return { key, version: BigInt(16 * (at + 1)), isDeleted: false, content };
        });
      }
    },
  };
  const { missing, stale, extra, seconds } = await verifyIndex({
    createSource: async () => source(), inspector, onTruncate: "halt", skipTypes: [], repair: false, stop: never,
  });
  console.log(missing, stale, extra, Math.round(process.resourceUsage().maxRSS / 1024), seconds);
`;

test("verifyIndex() does keep to the memory limit with a million rows", async () => {
  // A process begins with the peak of the one that started it, so a small one stands between.
  const shell = ["sh", "-c", '"$@"; exit $?', "sh"];
  const child = Bun.spawn([...shell, process.execPath, "-e", VERIFY, String(KEYS_COUNT)]);
  const output = await child.stdout.text();
  const [missing, stale, extra, peakMib] = output.split(" ").map(Number);
  expect([missing, stale, extra]).toEqual([KEYS_COUNT / 10, 0, 0]);
  expect(peakMib).toBeLessThan(LIMIT_MIB);
}, 120_000);
