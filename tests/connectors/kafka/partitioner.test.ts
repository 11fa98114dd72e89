import { expect, test } from "bun:test";
import { murmur2, partitionOfKey } from "../../../core/connectors/kafka/partitioner.ts";

test("murmur2() does what Java's does", () => {
  // The vectors of org.apache.kafka.common.utils.UtilsTest.
  expect(murmur2(Buffer.from("21"))).toBe(-973932308);
  expect(murmur2(Buffer.from("foobar"))).toBe(-790332482);
  expect(murmur2(Buffer.from("a-little-bit-long-string"))).toBe(-985981536);
  expect(murmur2(Buffer.from("a-little-bit-longer-string"))).toBe(-1486304829);
  expect(murmur2(Buffer.from("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8"))).toBe(-58897971);
  expect(murmur2(Buffer.from("abc"))).toBe(479470107);
});

test("murmur2() does not depend on where the bytes lie", () => {
  const bytes = Buffer.from("xxxfoobar").subarray(3);
  expect(murmur2(bytes)).toBe(-790332482);
});

test("partitionOfKey() does stay in range for negative hashes", () => {
  expect(partitionOfKey(Buffer.from("21"), 7)).toBe((-973932308 & 0x7fffffff) % 7);
  expect(partitionOfKey(Buffer.from(""), 1)).toBe(0);
});
