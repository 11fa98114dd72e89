import type { EntityDocument } from "../../core/konnect/entity_document.ts";
import type {
  FacetCount,
  IndexedEntity,
  Searcher,
  SearchHit,
  SearchRequest,
  SearchResult,
} from "../../core/search/mod.ts";

/** An entity of a fake index. */
export function indexed(key: string, document: Partial<EntityDocument> = {}): IndexedEntity {
  const [, plane, , type = "unknown", id = key] = key.split("/");
  const control = plane === undefined ? {} : { control_plane: plane };
  const whole: EntityDocument = { type, id, ...control, ...document };
  return { key, id, type, name: whole.name ?? id, document: whole };
}

/**
 * A searcher that finds every entity that is asked for by a word of its name, marks it, and
 * remembers what it was asked. `fail` takes the place of any answer.
 */
export class MemorySearcher implements Searcher {
  readonly label = "memory:index";
  readonly requests: SearchRequest[] = [];
  fail: ((signal: AbortSignal | undefined) => Promise<never>) | undefined;
  next: string | undefined;
  readonly #entities: readonly IndexedEntity[];

  constructor(entities: readonly IndexedEntity[]) {
    this.#entities = entities;
  }

  async search(request: SearchRequest, signal?: AbortSignal): Promise<SearchResult> {
    this.requests.push(request);
    await this.fail?.(signal);
    const word = request.query.text;
    const found = this.#entities.filter(({ name, document }) => {
      const { fence = [] } = request;
      const isWithin = fence.length === 0 || fence.includes(document.control_plane ?? "");
      const { expression } = request.query;
      const parent = expression?.kind === "term" ? expression.pattern.text : undefined;
      return isWithin && (parent === undefined ? name.includes(word) : document.parent === parent);
    });
    const types = counts(found.map(({ type }) => type));
    const controlPlanes = counts(found.map(({ document }) => document.control_plane ?? ""));
    return {
      hits: found.slice(0, request.size).map((entity): SearchHit => {
        const highlights = [
          { field: "name", text: entity.name, ranges: [[0, word.length] as const] },
        ] as const;
        const rank = { score: 1, tier: "exact_name", match: entity.name, highlights } as const;
        return Object.assign(rank, entity);
      }),
      total: { count: found.length, isExact: true },
      facets: { types, controlPlanes },
      next: this.next,
    };
  }

  async get(key: string, signal?: AbortSignal): Promise<IndexedEntity | undefined> {
    await this.fail?.(signal);
    return this.#entities.find((entity) => entity.key === key);
  }

  async byIds(ids: readonly string[], signal?: AbortSignal): Promise<readonly IndexedEntity[]> {
    await this.fail?.(signal);
    return this.#entities.filter(({ id }) => ids.includes(id));
  }

  async types(signal?: AbortSignal): Promise<readonly FacetCount[]> {
    await this.fail?.(signal);
    return counts(this.#entities.map(({ type }) => type));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

function counts(values: readonly string[]): FacetCount[] {
  return [...new Set(values)].map((value) => ({
    value,
    count: values.filter((other) => other === value).length,
  }));
}
