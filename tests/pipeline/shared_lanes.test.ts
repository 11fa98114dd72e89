import { describe, expect, test } from "bun:test";
import { KonnError } from "../../core/base/errors.ts";
import { listCheckpoints } from "../../core/checkpoint/mod.ts";
import { createRunObserver, SILENT_LOGGER } from "../../core/observe/observer.ts";
import { run, type RunOptions } from "../../core/pipeline/mod.ts";
import { eventually } from "../e2e/waiting.ts";
import { MemoryGroup } from "../fakes/memory_group.ts";
import { MemorySink, type MemorySinkOptions } from "../fakes/memory_sink.ts";
import { message } from "../fakes/memory_source.ts";
import { TemporaryFolder } from "../fakes/temporary_folder.ts";

function laneOf(name: string) {
  return [0n, 1n, 2n].map((sequence) => message(sequence, `${name}${sequence}`, "v"));
}

const LANES = { a: laneOf("a"), b: laneOf("b") };

/** Notes in the order of events which lanes have changed hands, and what was written. */
class WatchedSink extends MemorySink {
  readonly moves: string[] = [];

  moved(lane: string): void {
    this.moves.push(lane);
  }
}

interface Member {
  readonly sink: WatchedSink;
  readonly stop: AbortController;
  readonly done: ReturnType<typeof run>;
}

function start(
  group: MemoryGroup,
  folder: TemporaryFolder,
  { follow = false, ...sinkOptions }: MemorySinkOptions & { follow?: boolean } = {},
  options: Partial<RunOptions> = {},
): Member {
  const sink = new WatchedSink(sinkOptions);
  const stop = new AbortController();
  const done = run({
    source: group.source({ follow }),
    sink,
    stateDir: folder.path,
    resumable: true,
    stop: stop.signal,
    observer: createRunObserver(SILENT_LOGGER),
    ...options,
  });
  return { sink, stop, done };
}

function keptIn(group: MemoryGroup) {
  return Object.fromEntries([...group.kept].map(([lane, { position }]) => [lane, position]));
}

/** What the checkpoint of a run says that has the first files of its folder. */
function savedPositions(folder: TemporaryFolder) {
  const [listed] = listCheckpoints(folder.path);
  if (!listed || listed.checkpoint instanceof KonnError) return {};
  return Object.fromEntries(
    [...listed.checkpoint.lanes].map(([lane, { position }]) => [lane, position]),
  );
}

describe("run() of a source with shared positions", () => {
  test("goes by what the source keeps, whatever is in its folder", async () => {
    using folder = new TemporaryFolder();
    using elsewhere = new TemporaryFolder();
    const group = new MemoryGroup({ lanes: LANES });
    const first = start(group, folder, {}, { maxEventsCount: 2 });
    expect(await first.done).toMatchObject({ events: 2, resumed: false });
    expect(keptIn(group)).toMatchObject({ a: "2" });
    const second = start(group, elsewhere);
    expect(await second.done).toMatchObject({ events: 4, resumed: true });
    expect(second.sink.written.toSorted()).toEqual(["a2=v", "b0=v", "b1=v", "b2=v"]);
    expect(second.sink.opened[0]?.resume).toMatchObject({
      identity: { place: "memory" },
      state: "open",
      mayBeReplaced: true,
    });
    // Somebody has set it back, and the checkpoint here knows better.
    const note = group.kept.get("a")?.note ?? "";
    group.kept.set("a", { position: "1", note });
    expect((await start(group, elsewhere).done).events).toBe(2);
  });

  test("begins at the beginning of a sink that has taken the place of the other", async () => {
    using folder = new TemporaryFolder();
    const group = new MemoryGroup({ lanes: LANES });
    await start(group, folder).done;
    const identity = { place: "another memory" };
    const refused = await start(group, folder, { identity }).done.catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: "SINK_CHANGED" });
    const again = start(group, folder, { identity, isReplacement: true });
    expect((await again.done).events).toBe(6);
    const once = start(group, folder, { identity });
    expect((await once.done).events).toBe(0);
  });

  test("what ends late, of a lane that is with another run, moves nothing", async () => {
    using folder = new TemporaryFolder();
    using elsewhere = new TemporaryFolder();
    const group = new MemoryGroup({ lanes: LANES });
    const { promise: mayEnd, resolve: end } = Promise.withResolvers<void>();
    const beforeWrite = async ({ lane }: { lane: string }) => {
      if (lane === "b") await mayEnd;
    };
    const slow = start(group, folder, { follow: true, beforeWrite });
    await eventually(() => keptIn(group)["a"] === "3");
    expect(slow.sink.moves).toEqual(["a", "b"]);
    // It gets b, reads it again, and refuses to get beyond its first batch.
    const other = start(group, elsewhere, {
      follow: true,
      beforeWrite: async ({ messages }) => {
        if (messages.some(({ sequence }) => sequence === 2n)) await new Promise(() => undefined);
      },
    });
    await eventually(() => keptIn(group)["b"] === "2");
    await eventually(() => slow.sink.moves.length === 3);
    expect(slow.sink.moves[2]).toBe("b");
    // Nor does it wait for that to hear how far the lane is elsewhere.
    await eventually(() => savedPositions(folder)["b"] === "2");
    end();
    await eventually(() => slow.sink.written.includes("b2=v"));
    slow.stop.abort();
    const summary = await slow.done;
    expect(keptIn(group)).toEqual({ a: "3", b: "2" });
    // It knows of b what the group has kept, and not what it has written itself.
    expect(summary.positions).toEqual({ a: 3, b: 2 });
    other.stop.abort();
    other.done.catch(() => undefined);
  });

  test("a bounded run ends when the others have done their part", async () => {
    using folder = new TemporaryFolder();
    const group = new MemoryGroup({ lanes: LANES });
    const { promise: mayGoOn, resolve: goOn } = Promise.withResolvers<void>();
    const slow = start(group, folder, { follow: true, beforeWrite: () => mayGoOn });
    await eventually(() => slow.sink.moves.length === 2);
    const bounded = start(group, folder);
    let hasEnded = false;
    void bounded.done.then(() => (hasEnded = true));
    await Bun.sleep(100);
    expect([hasEnded, bounded.sink.caughtUpCount]).toEqual([false, 0]);
    goOn();
    expect(await bounded.done).toMatchObject({ complete: true, positions: { a: 3, b: 3 } });
    expect(bounded.sink.caughtUpCount).toBe(1);
    slow.stop.abort();
    await slow.done;
  });

  test("several share a folder, each with files of its own", async () => {
    using folder = new TemporaryFolder();
    const group = new MemoryGroup({ lanes: LANES });
    const members = [1, 2, 3].map(() => start(group, folder, { follow: true, refuse: ["b1"] }));
    await eventually(() => keptIn(group)["a"] === "3" && keptIn(group)["b"] === "3");
    for (const { stop } of members) stop.abort();
    const summaries = await Promise.all(members.map(({ done }) => done));
    expect(listCheckpoints(folder.path)).toHaveLength(3);
    expect(
      listCheckpoints(folder.path).some(({ checkpoint }) => checkpoint instanceof KonnError),
    ).toBe(false);
    expect(Math.max(...summaries.map(({ deadLetters }) => deadLetters))).toBe(1);
  });
});
