import { describe, expect, test } from "bun:test";
import { sleep } from "../../core/base/backoff.ts";

const DAY_MS = 86_400_000;

describe("sleep()", () => {
  test.each([25, 50, 400])("of %d days does not end at once", async (days) => {
    const abort = new AbortController();
    const nap = sleep(days * DAY_MS, abort.signal).then(() => "over");
    expect(await Promise.race([nap, Bun.sleep(50).then(() => "asleep")])).toBe("asleep");
    abort.abort();
    expect(await nap).toBe("over");
  });

  test("ends after its time", async () => {
    const startMs = performance.now();
    await sleep(30);
    const elapsedMs = performance.now() - startMs;
    expect(elapsedMs).toBeGreaterThan(25);
    expect(elapsedMs).toBeLessThan(2_000);
  });
});
