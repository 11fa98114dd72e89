import { KonnError } from "../../base/errors.ts";
import { errorTypeOf, type OpenSearchClient, type OpenSearchRequest, recordOf } from "./client.ts";
import {
  type IndexMeta,
  indexMappings,
  indexSettings,
  LIVE_FILTER,
  readIndexMeta,
} from "./mapping.ts";

/** An index of the cluster, as far as konn has to know it. */
export interface IndexInfo {
  readonly name: string;
  readonly uuid: string;
  readonly aliases: readonly string[];
  /** Undefined for an index that konn did not make. */
  readonly meta: IndexMeta | undefined;
}

/** Looks at indexes and changes them: existence, aliases, settings. Never documents. */
export class IndexAdmin {
  readonly #client: OpenSearchClient;
  readonly #signal: AbortSignal;

  constructor(client: OpenSearchClient, signal: AbortSignal) {
    this.#client = client;
    this.#signal = signal;
  }

  /** The indexes that a name or a pattern stands for: an index, the ones behind an alias, none. */
  async find(nameOrPattern: string): Promise<readonly IndexInfo[]> {
    const path = `/${encodeURIComponent(nameOrPattern)}`;
    const { status, body } = await this.#client.request({ method: "GET", path }, this.#signal);
    if (status === 404) return [];
    if (status !== 200) throw refusedRequest(`look at ${nameOrPattern}`, { status, body });
    return Object.entries(recordOf(body)).map(([name, index]) => infoOf(name, index));
  }

  /** Makes an index together with its alias in one request, so that neither is ever alone. */
  async create(name: string, { alias, meta, isBuilding }: NewIndex): Promise<IndexInfo> {
    const filter = isBuilding ? {} : { filter: LIVE_FILTER };
    await this.#must(`create the index ${name}`, {
      method: "PUT",
      path: `/${encodeURIComponent(name)}`,
      body: {
        settings: indexSettings({ isBuilding }),
        mappings: indexMappings(meta),
        aliases: { [alias]: filter },
      },
    });
    const [created] = await this.find(name);
    if (created) return created;
    throw new KonnError(`Cannot create the index ${name}: it is gone again`, {
      code: "INDEX_GONE",
      hint: "Does something else delete indexes here?",
    });
  }

  /** Makes the alias stand for this index alone, in one atomic step, and takes off the other. */
  async swap(alias: string, { from, to, buildingAlias }: AliasSwap): Promise<void> {
    const actions: object[] = from.map((index) => ({ remove: { index, alias } }));
    actions.push({ add: { index: to, alias, filter: LIVE_FILTER } });
    actions.push({ remove: { index: to, alias: buildingAlias } });
    const body = { actions };
    await this.#must(`swap the alias ${alias}`, { method: "POST", path: "/_aliases", body });
  }

  /** Back to the usual refresh of a second. */
  async restoreRefresh(name: string): Promise<void> {
    await this.#must(`change the settings of ${name}`, {
      method: "PUT",
      path: `/${encodeURIComponent(name)}/_settings`,
      body: { index: { refresh_interval: null } },
    });
  }

  /** Makes everything that was written visible to searches. */
  async refresh(name: string): Promise<void> {
    const path = `/${encodeURIComponent(name)}/_refresh`;
    await this.#must(`refresh ${name}`, { method: "POST", path });
  }

  async delete(name: string): Promise<void> {
    const path = `/${encodeURIComponent(name)}`;
    await this.#must(`delete the index ${name}`, { method: "DELETE", path });
  }

  async #must(what: string, request: OpenSearchRequest): Promise<void> {
    const { status, body } = await this.#client.request(request, this.#signal);
    if (status < 200 || status > 299) throw refusedRequest(what, { status, body });
  }
}

export interface NewIndex {
  readonly alias: string;
  readonly meta: IndexMeta;
  readonly isBuilding: boolean;
}

export interface AliasSwap {
  readonly from: readonly string[];
  readonly to: string;
  readonly buildingAlias: string;
}

function infoOf(name: string, index: unknown): IndexInfo {
  const { aliases, mappings, settings } = recordOf(index);
  const { uuid } = recordOf(recordOf(settings)["index"]);
  return {
    name,
    uuid: String(uuid),
    aliases: Object.keys(recordOf(aliases)),
    meta: readIndexMeta(mappings),
  };
}

function refusedRequest(
  what: string,
  { status, body }: { status: number; body: unknown },
): KonnError {
  return new KonnError(`Cannot ${what}: OpenSearch answers ${status} ${errorTypeOf(body)}`, {
    code: status === 401 || status === 403 ? "OPENSEARCH_FORBIDDEN" : "OPENSEARCH_REFUSED",
    hint: "Look at the cluster's health, at its blocks, and at what the user may do.",
  });
}
