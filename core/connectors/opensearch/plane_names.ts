import type { FacetCount } from "../../search/searcher.ts";
import { terms } from "./clauses.ts";
import { foundEntities } from "./search_answer.ts";

/** How long a name is believed. */
const KEPT_MS = 60_000;
/** Control planes that are remembered. */
const KEPT_MAX_COUNT = 10_000;

/** Names of control planes, which are entities of their own: looked up once in a while. */
export class PlaneNames {
  readonly #names = new Map<
    string,
    { readonly name: string | undefined; readonly endMs: number }
  >();

  /** Counts of control planes with the names that the index holds of them. */
  async named(
    counts: readonly FacetCount[],
    ask: (body: object) => Promise<unknown>,
  ): Promise<readonly FacetCount[]> {
    const nowMs = performance.now();
    const missing = counts
      .map(({ value }) => value)
      .filter((id) => (this.#names.get(id)?.endMs ?? 0) <= nowMs);
    if (missing.length > 0) this.#remember(missing, await ask(namesBody(missing)), nowMs);
    return counts.map((count) => {
      const name = this.#names.get(count.value)?.name;
      return name === undefined ? count : { ...count, name };
    });
  }

  #remember(ids: readonly string[], body: unknown, nowMs: number): void {
    if (this.#names.size + ids.length > KEPT_MAX_COUNT) this.#names.clear();
    const found = new Map(foundEntities(body).map(({ document }) => [document.id, document.name]));
    for (const id of ids) this.#names.set(id, { name: found.get(id), endMs: nowMs + KEPT_MS });
  }
}

function namesBody(ids: readonly string[]): object {
  return {
    size: ids.length,
    _source: ["id", "type", "name"],
    query: { bool: { filter: [terms("type", ["cluster"]), terms("id", ids)] } },
  };
}
