import { describe, expect, test } from "bun:test";
import { KonnError } from "../../core/base/errors.ts";
import { type DoctorArea, examine } from "../../core/check/doctor.ts";
import { type Finding, passed } from "../../core/connector/finding.ts";

const NEVER = new AbortController().signal;

function area(name: string, findings: (signal: AbortSignal) => AsyncIterable<Finding>): DoctorArea {
  return { name, diagnosis: () => Promise.resolve(findings) };
}

describe("examine()", () => {
  test("tells the findings of all areas in their order, whichever is quicker", async () => {
    const slow = area("slow", async function* () {
      await Bun.sleep(30);
      yield passed("a", "1");
    });
    const quick = area("quick", async function* () {
      yield passed("b", "2");
      yield passed("c", "3");
    });
    expect(await examine([slow, quick], { stop: NEVER })).toEqual([
      { area: "slow", check: "a", level: "ok", detail: "1" },
      { area: "quick", check: "b", level: "ok", detail: "2" },
      { area: "quick", check: "c", level: "ok", detail: "3" },
    ]);
  });

  test("an area that fails keeps what it found, and the others are looked at", async () => {
    const broken = area("broken", async function* () {
      yield passed("a", "1");
      throw new KonnError("Cannot go on: no", { code: "NO", hint: "Do this." });
    });
    const unmade: DoctorArea = {
      name: "unmade",
      diagnosis: () => Promise.reject(new KonnError("Cannot begin", { code: "NO" })),
    };
    const fine = area("fine", async function* () {
      yield passed("b", "2");
    });
    expect(await examine([broken, unmade, fine], { stop: NEVER })).toEqual([
      { area: "broken", check: "a", level: "ok", detail: "1" },
      {
        area: "broken",
        check: "usable",
        level: "fail",
        detail: "Cannot go on: no",
        remedy: "Do this.",
      },
      {
        area: "unmade",
        check: "usable",
        level: "fail",
        detail: "Cannot begin",
        remedy: undefined,
      },
      { area: "fine", check: "b", level: "ok", detail: "2" },
    ]);
  });

  test("an area that never answers is a failure after the limit, and nobody waits for longer", async () => {
    const silent = area("silent", async function* () {
      yield passed("a", "1");
      await new Promise(() => {});
    });
    const startedMs = performance.now();
    const findings = await examine([silent], { stop: NEVER, limitMs: 100 });
    expect(performance.now() - startedMs).toBeLessThan(5_000);
    expect(findings.map(({ check, level }) => [check, level])).toEqual([
      ["a", "ok"],
      ["answer", "fail"],
    ]);
  });
});
