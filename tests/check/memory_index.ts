import type {
  IndexInspector,
  InspectedDocument,
  Repair,
} from "../../core/connector/index_inspector.ts";
import type { Identity } from "../../core/connector/mod.ts";

const PAGE_DOCUMENTS_COUNT = 3;

/** What the memory index holds under a key. A tombstone has no content. */
export interface HeldDocument {
  readonly version: bigint;
  readonly content: object | null;
}

/** An index in memory that takes external versions as OpenSearch does. */
export class MemoryIndex implements IndexInspector {
  readonly held: Map<string, HeldDocument>;
  /** Runs once when the documents are about to be read. */
  beforeDocuments: () => void = () => undefined;
  source: Identity = { id: "a" };
  truncatedAtLsn: number | undefined;
  disposedCount = 0;

  constructor(held: Readonly<Record<string, HeldDocument>> = {}) {
    this.held = new Map(Object.entries(held));
  }

  open() {
    const { source, truncatedAtLsn } = this;
    return Promise.resolve({ source, truncatedAtLsn, identity: {}, mayReplace: () => false });
  }

  check() {
    return Promise.resolve();
  }

  async *documents(): AsyncGenerator<readonly InspectedDocument[]> {
    await Promise.resolve();
    this.beforeDocuments();
    const all = [...this.held].map(([key, { version, content }]) => ({
      key,
      version,
      isDeleted: content === null,
      content: { ...content },
    }));
    for (let at = 0; at < all.length; at += PAGE_DOCUMENTS_COUNT) {
      yield all.slice(at, at + PAGE_DOCUMENTS_COUNT);
    }
  }

  confirm() {
    return Promise.resolve();
  }

  repair(repairs: readonly Repair[]): Promise<number> {
    const taken = repairs.filter(({ key, version, document }) =>
      this.write(key, { version, content: document }),
    );
    return Promise.resolve(taken.length);
  }

  /** False for a version that is not above the one that is held: a conflict. */
  write(key: string, document: HeldDocument): boolean {
    if ((this.held.get(key)?.version ?? -1n) >= document.version) return false;
    this.held.set(key, document);
    return true;
  }

  [Symbol.asyncDispose]() {
    this.disposedCount += 1;
    return Promise.resolve();
  }
}
