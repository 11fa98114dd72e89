import { describe, expect, test } from "bun:test";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { acquireRunLock } from "../../core/checkpoint/run_lock.ts";
import { TemporaryFolder } from "../fakes/temporary_folder.ts";
import { thrownBy } from "../fakes/thrown_by.ts";

const ROOT = join(import.meta.dir, "../..");

/** Takes the lock, says "held" or why not, and keeps it until its stdin ends. */
const HOLDER = `
  import { acquireRunLock } from "${ROOT}/core/checkpoint/run_lock.ts";
  let held;
  try {
    held = acquireRunLock(process.argv[1]);
    console.log("held");
  } catch (error) {
    console.log(error.message);
  }
  for await (const _ of process.stdin);
`;

function spawnHolder(path: string) {
  return Bun.spawn([process.execPath, "-e", HOLDER, path], { stdin: "pipe", stdout: "pipe" });
}

async function firstLine(child: ReturnType<typeof spawnHolder>): Promise<string> {
  for await (const bytes of child.stdout) return Buffer.from(bytes).toString().trim();
  return "";
}

describe("acquireRunLock()", () => {
  test("names who holds it, and leaves no file beside it", () => {
    using folder = new TemporaryFolder();
    const path = folder.file("a.lock");
    using _lock = acquireRunLock(path);
    for (const _time of [1, 2]) {
      const { code, message } = thrownBy(() => acquireRunLock(path));
      expect(code).toBe("RUN_LOCKED");
      expect(message).toContain(`process ${process.pid} on `);
    }
    expect(readdirSync(folder.path)).toEqual(["a.lock"]);
  });

  test("is one process's, whoever comes at the same time, and all others name it", async () => {
    using folder = new TemporaryFolder();
    const path = folder.file("a.lock");
    const children = Array.from({ length: 6 }, () => spawnHolder(path));
    const lines = await Promise.all(children.map(firstLine));
    const winner = children[lines.indexOf("held")];
    const others = lines.filter((line) => line !== "held");
    expect(others).toHaveLength(5);
    for (const line of others) {
      expect(line).toMatch(
        /^Cannot start: (process \d+ on .*|another process) is running the same/,
      );
    }
    const { message } = thrownBy(() => acquireRunLock(path));
    expect(message).toContain(`process ${winner?.pid} on `);
    for (const child of children) await child.stdin.end();
    await Promise.all(children.map(({ exited }) => exited));
    acquireRunLock(path)[Symbol.dispose]();
  });

  test("ends with the process that holds it, however that ends", async () => {
    using folder = new TemporaryFolder();
    const path = folder.file("a.lock");
    const child = spawnHolder(path);
    expect(await firstLine(child)).toBe("held");
    child.kill("SIGKILL");
    await child.exited;
    acquireRunLock(path)[Symbol.dispose]();
    expect(readdirSync(folder.path)).toEqual(["a.lock"]);
  });

  test("refuses a file that is no lock", () => {
    using folder = new TemporaryFolder();
    const path = folder.file("a.lock");
    writeFileSync(path, "something else entirely, and longer than a header".repeat(10));
    expect(thrownBy(() => acquireRunLock(path)).code).toBe("STATE_DIR_UNUSABLE");
  });
});
