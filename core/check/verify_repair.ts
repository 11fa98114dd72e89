import { releaseMemory } from "../base/release_memory.ts";
import { KonnError } from "../base/errors.ts";
import { decodeChange } from "../cdc/decode.ts";
import type { IndexInspector, Repair } from "../connector/index_inspector.ts";
import type { Message, Source } from "../connector/mod.ts";
import { versionOf } from "../indexing/mod.ts";
import { entityDocument } from "../konnect/entity_document.ts";
import { contentHash, contentText } from "./content_hash.ts";
import type { Difference, ExpectedRows } from "./expected_rows.ts";

/** More differences than this are not repaired one by one: they are held in memory. */
const MAX_REPAIRS_COUNT = 100_000;
const REPAIRS_TOGETHER_COUNT = 500;
const REPAIRS_TOGETHER_MAX_CHARS = 8 * 1024 * 1024;
/** Above this an index gives no exact version, so none is known that it would take. */
const VERSIONS_END = BigInt(Number.MAX_SAFE_INTEGER);

export interface RepairOptions {
  /** A fresh bounded source on the topic, open, which is read once more for the documents. */
  readonly createSource: () => Promise<Source>;
  readonly inspector: IndexInspector;
  readonly stop: AbortSignal;
}

/**
 * Sends what differs once more, with a version that the index takes and the next event passes.
 * Throws `TOO_MANY_REPAIRS`, before it has written anything.
 *
 * @returns how many documents the index took: it refuses one that somebody has written meanwhile
 */
export async function repairDifferences(
  rows: ExpectedRows,
  { createSource, inspector, stop }: RepairOptions,
): Promise<number> {
  const count = rows.countRepairable();
  if (count > MAX_REPAIRS_COUNT) throw tooMany(count);
  const differences = [...rows.repairable()].filter((each) => each.indexVersion < VERSIONS_END);
  if (differences.length === 0) return 0;
  const gone = differences.filter(({ kind }) => kind === "extra");
  const wanted = new WantedDocuments(differences.filter(({ kind }) => kind !== "extra"));
  const repairs = new RepairQueue(inspector, stop);
  for (const difference of gone) await repairs.add(repairOf(difference, null));
  await using source = await createSource();
  for await (const { messages, sizeBytes } of source.read({ from: new Map(), stop })) {
    for (const message of messages) {
      const repair = wanted.take(message);
      if (repair) await repairs.add(repair);
    }
    releaseMemory(sizeBytes);
    if (wanted.isEmpty) break;
  }
  stop.throwIfAborted();
  await repairs.flush();
  return repairs.takenCount;
}

/**
 * The rows whose documents are sent again, until the event that made each is found: the one with
 * its version and its content. The last one read would be the wrong one for a key in two lanes.
 */
class WantedDocuments {
  readonly #byKey: Map<string, Difference>;
  /** Few events have one of these, so that few have to be decoded once more. */
  readonly #versions: ReadonlySet<bigint>;

  constructor(differences: readonly Difference[]) {
    this.#byKey = new Map(differences.map((each) => [each.key, each]));
    this.#versions = new Set(differences.flatMap(({ expected }) => expected?.version ?? []));
  }

  get isEmpty(): boolean {
    return this.#byKey.size === 0;
  }

  take(message: Message): Repair | undefined {
    const version = versionOf(message.sequence);
    if (!this.#versions.has(version)) return undefined;
    const change = decodeChange(message);
    if (change.kind !== "upsert") return undefined;
    const difference = this.#byKey.get(change.key);
    if (difference?.expected?.version !== version) return undefined;
    const { document } = entityDocument(change.key, change.row);
    if (contentHash(document) !== difference.expected.contentHash) return undefined;
    this.#byKey.delete(change.key);
    return repairOf(difference, document);
  }
}

/** Writes repairs some hundreds at a time, fewer of large documents: no more than these are held. */
class RepairQueue {
  readonly #inspector: IndexInspector;
  readonly #stop: AbortSignal;
  #waiting: Repair[] = [];
  #waitingChars = 0;
  #takenCount = 0;

  constructor(inspector: IndexInspector, stop: AbortSignal) {
    this.#inspector = inspector;
    this.#stop = stop;
  }

  get takenCount(): number {
    return this.#takenCount;
  }

  async add(repair: Repair): Promise<void> {
    this.#waiting.push(repair);
    this.#waitingChars += repair.document ? contentText(repair.document).length : 0;
    const isFull =
      this.#waiting.length >= REPAIRS_TOGETHER_COUNT ||
      this.#waitingChars >= REPAIRS_TOGETHER_MAX_CHARS;
    if (isFull) await this.flush();
  }

  async flush(): Promise<void> {
    const repairs = this.#waiting;
    this.#waiting = [];
    this.#waitingChars = 0;
    if (repairs.length > 0) this.#takenCount += await this.#inspector.repair(repairs, this.#stop);
  }
}

/**
 * A document that was deleted by hand leaves a version behind that is one above its own, for a
 * minute; so where the index holds nothing the second version above is the first that it takes.
 */
function repairOf(
  { key, indexVersion, expected }: Difference,
  document: Repair["document"],
): Repair {
  const expectedVersion = expected?.version ?? 0n;
  const version = indexVersion > expectedVersion ? indexVersion + 1n : expectedVersion + 2n;
  return { key, version, document };
}

function tooMany(count: number): KonnError {
  return new KonnError(`Cannot repair ${count} documents one by one`, {
    code: "TOO_MANY_REPAIRS",
    kind: "failed",
    hint: "Build the index anew: konn sync --from-beginning.",
  });
}
