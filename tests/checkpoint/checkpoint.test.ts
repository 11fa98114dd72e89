import { describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { KonnError } from "../../core/base/errors.ts";
import {
  type Checkpoint,
  formatCheckpoint,
  listCheckpoints,
  openRunState,
  parseCheckpoint,
  runName,
} from "../../core/checkpoint/mod.ts";
import { identityDifference } from "../../core/connector/identity.ts";
import { TemporaryFolder } from "../fakes/temporary_folder.ts";
import { thrownBy } from "../fakes/thrown_by.ts";

const ADDRESSES = {
  source: "kafka://localhost:9092/cdc-events",
  sink: "opensearch://localhost:9200/cdc",
};

const CHECKPOINT: Checkpoint = {
  source: { address: ADDRESSES.source, identity: { "topic id": "x" } },
  sink: { address: ADDRESSES.sink, identity: { index: "cdc-1" }, state: "live" },
  lanes: new Map([["cdc-events/0", { position: "12", nextSequence: 12n }]]),
  savedAt: new Date("2026-01-02T03:04:05.678Z"),
};

describe("parseCheckpoint()", () => {
  const text = formatCheckpoint(CHECKPOINT);

  test("reads what formatCheckpoint() wrote", () => {
    expect(parseCheckpoint(text, "c.json")).toEqual(CHECKPOINT);
  });

  test("refuses a torn file at every length", () => {
    for (let length = 0; length < text.length - 1; length += 1) {
      const error = thrownBy(() => parseCheckpoint(text.slice(0, length), "c.json"));
      expect(error.code).toBe("CHECKPOINT_DAMAGED");
    }
  });

  test("refuses a file that was edited by hand, and says what to do", () => {
    const error = thrownBy(() => parseCheckpoint(text.replace('"12"', '"11"'), "c.json"));
    expect(error.message).toBe(
      "Cannot use the checkpoint c.json: its checksum does not fit its content",
    );
    expect(error.hint).toContain("remove the file");
  });

  test("refuses a file of another version", () => {
    const newer = text.replace('"konn_checkpoint": 1', '"konn_checkpoint": 2');
    expect(thrownBy(() => parseCheckpoint(newer, "c.json")).code).toBe(
      "CHECKPOINT_VERSION_UNKNOWN",
    );
  });
});

describe("openRunState()", () => {
  test("saves and loads under a readable name", () => {
    using folder = new TemporaryFolder();
    using state = openRunState(folder.path, ADDRESSES);
    expect(state.name).toMatch(/^cdc-events--cdc-[0-9a-f]{12}$/);
    expect(state.load()).toBeUndefined();
    state.save(CHECKPOINT);
    expect(state.load()?.lanes).toEqual(CHECKPOINT.lanes);
  });

  test("refuses a checkpoint of another run", () => {
    using folder = new TemporaryFolder();
    const other = { ...ADDRESSES, sink: "opensearch://localhost:9200/other" };
    mkdirSync(folder.file("checkpoints"));
    writeFileSync(folder.file(`checkpoints/${runName(other)}.json`), formatCheckpoint(CHECKPOINT));
    using state = openRunState(folder.path, other);
    expect(thrownBy(() => state.load()).code).toBe("CHECKPOINT_FOREIGN");
  });

  test("gives the lock back when it is disposed", () => {
    using folder = new TemporaryFolder();
    openRunState(folder.path, ADDRESSES)[Symbol.dispose]();
    openRunState(folder.path, ADDRESSES)[Symbol.dispose]();
  });

  test.skipIf(process.getuid?.() === 0)("refuses a read-only state folder", () => {
    using folder = new TemporaryFolder();
    chmodSync(folder.path, 0o500);
    const error = thrownBy(() => openRunState(folder.file("state"), ADDRESSES));
    expect(error.code).toBe("STATE_DIR_UNUSABLE");
  });

  test("refuses a state folder whose name is a file", () => {
    using folder = new TemporaryFolder();
    writeFileSync(folder.file("state"), "");
    const error = thrownBy(() => openRunState(folder.file("state"), ADDRESSES));
    expect(error.code).toBe("STATE_DIR_UNUSABLE");
    expect(error.hint).toContain("--state-dir");
  });
});

describe("listCheckpoints()", () => {
  test("lists damaged files beside whole ones", () => {
    using folder = new TemporaryFolder();
    using state = openRunState(folder.path, ADDRESSES);
    state.save(CHECKPOINT);
    const whole = readFileSync(folder.file(`checkpoints/${state.name}.json`), "utf8");
    writeFileSync(folder.file("checkpoints/a-damaged.json"), whole.slice(0, 50));
    const listed = listCheckpoints(folder.path);
    expect(listed.map(({ checkpoint }) => checkpoint instanceof KonnError)).toEqual([true, false]);
  });
});

describe("identityDifference()", () => {
  test("names every fact that differs", () => {
    const before = { cluster: "a", partitions: "3", same: "1" };
    const now = { cluster: "b", same: "1", extra: "2" };
    expect(identityDifference(before, now)).toBe(
      "cluster was a and is b, partitions was 3 and is absent, extra was absent and is 2",
    );
    expect(identityDifference(before, before)).toBeUndefined();
  });
});
