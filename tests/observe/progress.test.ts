import { describe, expect, test } from "bun:test";
import type { Logger } from "../../core/observe/observer.ts";
import { formatProgress, loggedProgress, terminalProgress } from "../../core/observe/progress.ts";

const HALF = {
  eventsCount: 12_345,
  seconds: 10,
  settledSequences: 5_000n,
  remainingSequences: 5_000n,
  hasEnds: true,
};

describe("formatProgress()", () => {
  test("shows rate, share and time left", () => {
    expect(formatProgress(HALF)).toBe("12,345 events  1,235/s  50 %  10 s left");
  });

  test("counts one event as one", () => {
    expect(formatProgress({ ...HALF, eventsCount: 1 })).toStartWith("1 event  0/s");
  });

  test("shows the lag of a run that has no end", () => {
    const following = { ...HALF, remainingSequences: 12n, lagUnit: "events" as const };
    expect(formatProgress(following)).toBe("12,345 events  1,235/s  lag 12 events");
  });

  test("says nothing of an end that nobody knows, or that is reached", () => {
    expect(formatProgress({ ...HALF, hasEnds: false })).toBe("12,345 events  1,235/s");
    expect(formatProgress({ ...HALF, remainingSequences: 0n })).toBe("12,345 events  1,235/s");
  });
});

describe("terminalProgress()", () => {
  test("writes one line anew, makes room for others, and goes away at the end", () => {
    let now = 1_000;
    let screen = "";
    const display = terminalProgress(
      (text) => (screen += text),
      () => now,
    );
    // What is over in a moment shows nothing.
    display.update({ ...HALF, eventsCount: 0 });
    expect(screen).toBe("");
    now += 300;
    display.update(HALF);
    display.update({ ...HALF, eventsCount: 2 });
    now += 100;
    display.around(() => (screen += "a log line\n"));
    display[Symbol.dispose]();
    const line = "12,345 events  1,235/s  50 %  10 s left";
    expect(screen).toBe(`\r${line}\u001B[K\r\u001B[Ka log line\n${line}\r\u001B[K`);
  });
});

describe("loggedProgress()", () => {
  test("logs every ten seconds, and only when something moved", () => {
    let now = 0;
    const lines: string[] = [];
    const info = (message: string) => lines.push(message);
    const log: Logger = { debug: info, info, warn: info, error: info };
    const display = loggedProgress(log, () => now);
    for (const seconds of [0, 9, 10, 15, 21, 31]) {
      now = seconds * 1_000;
      const eventsCount = seconds < 30 ? seconds : 21;
      display.update({ ...HALF, eventsCount, seconds });
    }
    expect(lines).toEqual(["10 events  1/s  50 %  10 s left", "21 events  1/s  50 %  21 s left"]);
  });
});
