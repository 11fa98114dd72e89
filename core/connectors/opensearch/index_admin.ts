import { KonnError, messageOf } from "../../base/errors.ts";
import { RETRIED_STATUSES } from "./bulk_answer.ts";
import {
  errorTypeOf,
  type OpenSearchAnswer,
  type OpenSearchClient,
  type OpenSearchRequest,
  recordOf,
  unreachable,
} from "./client.ts";
import {
  type IndexMeta,
  indexMappings,
  indexSettings,
  LIVE_FILTER,
  LIVE_SETTINGS,
  readIndexMeta,
} from "./mapping.ts";
import { refusal, stateRefusal } from "./refusals.ts";

/** The block that a cluster has until it knows its indexes (GatewayService, block 1). */
const STATE_NOT_RECOVERED = "1";

/** Less than what a request may take. */
const REPLICAS_TIMEOUT = "20s";

/** An index of the cluster, as far as konn has to know it. */
export interface IndexInfo {
  readonly name: string;
  readonly uuid: string;
  /** By the cluster's clock, in milliseconds since 1970. */
  readonly createdAtMs: number;
  readonly aliases: readonly string[];
  /** Undefined for an index that konn did not make. */
  readonly meta: IndexMeta | undefined;
}

export interface NewIndex {
  /** The alias that everybody reads, where the index is to be seen at once. */
  readonly publicAlias: string | undefined;
  /** Those that only konn knows. */
  readonly ownAliases: readonly string[];
  readonly meta: IndexMeta;
}

export interface AliasSwap {
  readonly to: IndexInfo;
  /** Is taken off the new index, and must be there. */
  readonly buildingAlias: string;
  /** The indexes for which the alias stands until now. */
  readonly from: readonly IndexInfo[];
  readonly writerAliasOf: (indexName: string) => string;
}

/**
 * Looks at indexes and changes them: existence, aliases, settings. Never documents. Its errors may
 * pass where OpenSearch did not answer or had no room.
 */
export class IndexAdmin {
  readonly #client: OpenSearchClient;
  readonly #signal: AbortSignal;

  constructor(client: OpenSearchClient, signal: AbortSignal) {
    this.#client = client;
    this.#signal = signal;
  }

  /** The indexes that a name or a pattern stands for: an index, the ones behind an alias, none. */
  async find(nameOrPattern: string): Promise<readonly IndexInfo[]> {
    const request = { method: "GET", path: pathOf(nameOrPattern) } as const;
    let { status, body } = await this.#ask(request);
    if (status === 404) {
      await this.#refuseUnrecovered();
      // It may have read its state back between the two questions. Now it knows.
      ({ status, body } = await this.#ask(request));
      if (status === 404) return [];
    }
    if (status !== 200) throw refusedRequest(`look at ${nameOrPattern}`, { status, body });
    return Object.entries(recordOf(body)).map(([name, index]) => infoOf(name, index));
  }

  /**
   * A cluster that has just started says that there is no index at all until it has read its own
   * state back. Whoever believed it would take an index for deleted.
   */
  async #refuseUnrecovered(): Promise<void> {
    const answer = await this.#ask({ method: "GET", path: "/_cluster/state/blocks" });
    if (answer.status !== 200) return;
    const blocks = recordOf(recordOf(recordOf(answer.body)["blocks"])["global"]);
    if (!(STATE_NOT_RECOVERED in blocks)) return;
    throw new KonnError("Cannot look at the indexes: OpenSearch has not read its state back yet", {
      code: "OPENSEARCH_STARTING",
      mayPass: true,
      hint: "Give it time with --wait 60s. If that does not help, its master nodes are not there.",
    });
  }

  /** Makes an index together with its aliases in one request, so that neither is ever alone. */
  async create(name: string, { publicAlias, ownAliases, meta }: NewIndex): Promise<IndexInfo> {
    const shown = publicAlias === undefined ? {} : { [publicAlias]: { filter: LIVE_FILTER } };
    const own = Object.fromEntries(ownAliases.map((alias) => [alias, {}]));
    await this.#must(`create the index ${name}`, {
      method: "PUT",
      path: pathOf(name),
      body: {
        settings: indexSettings({ isBuilding: publicAlias === undefined }),
        mappings: indexMappings(meta),
        aliases: { ...shown, ...own },
      },
    });
    const [created] = await this.find(name);
    if (created) return created;
    throw new KonnError(`Cannot create the index ${name}: it is gone again`, {
      code: "INDEX_GONE",
      hint: "Does something else delete indexes here?",
    });
  }

  /**
   * Makes the alias stand for one index alone, in one atomic step. Whoever still writes to the
   * others loses the way to them in the same step. Returns false, with nothing done, when an alias
   * is no longer where it was.
   */
  async swap(
    alias: string,
    { to, buildingAlias, from, writerAliasOf }: AliasSwap,
  ): Promise<boolean> {
    const actions: object[] = [
      { remove: { index: to.name, alias: buildingAlias, must_exist: true } },
      { add: { index: to.name, alias, filter: LIVE_FILTER } },
    ];
    for (const { name: index, aliases } of from) {
      actions.push({ remove: { index, alias, must_exist: true } });
      const writerAlias = writerAliasOf(index);
      if (aliases.includes(writerAlias)) actions.push({ remove: { index, alias: writerAlias } });
    }
    return await this.#changeAliases(`swap the alias ${alias}`, actions);
  }

  /** Takes an alias off an index. Returns false when it is not there. */
  async takeAlias(index: string, alias: string): Promise<boolean> {
    const actions = [{ remove: { index, alias, must_exist: true } }];
    return await this.#changeAliases(`take the alias ${alias} off`, actions);
  }

  /** How many writes an index has taken in its life, whether they can be searched or not. */
  async countOperations(name: string): Promise<number> {
    const path = `${pathOf(name)}/_stats/docs?level=shards`;
    const answer = await this.#ask({ method: "GET", path });
    if (answer.status !== 200) throw refusedRequest(`look at ${name}`, answer);
    const shards = recordOf(recordOf(recordOf(recordOf(answer.body)["indices"])[name])["shards"]);
    const copies = Object.values(shards).flat().map(recordOf);
    const primaries = copies.filter(({ routing }) => recordOf(routing)["primary"] === true);
    return primaries.reduce(
      (sum, { seq_no: place }) => sum + Number(recordOf(place)["max_seq_no"]) + 1,
      0,
    );
  }

  async addAlias(index: string, alias: string): Promise<void> {
    const body = { actions: [{ add: { index, alias } }] };
    await this.#must(`add the alias ${alias}`, { method: "POST", path: "/_aliases", body });
  }

  /**
   * Gives an index that was built what a live one needs, and time to copy its replicas. Whether they
   * are there in time or not, it can be searched.
   */
  async makeLive(name: string): Promise<void> {
    await this.#must(`change the settings of ${name}`, {
      method: "PUT",
      path: `${pathOf(name)}/_settings`,
      body: { index: LIVE_SETTINGS },
    });
    const query = `wait_for_status=green&timeout=${REPLICAS_TIMEOUT}`;
    await this.#ask({ method: "GET", path: `/_cluster/health${pathOf(name)}?${query}` });
  }

  /** How many documents an index holds, tombstones included. Makes them visible first. */
  async countDocuments(name: string): Promise<number> {
    await this.refresh(name);
    const answer = await this.#ask({ method: "GET", path: `${pathOf(name)}/_count` });
    const { count, _shards: shards } = recordOf(answer.body);
    const isWhole = answer.status === 200 && Number(recordOf(shards)["failed"]) === 0;
    if (!isWhole) throw refusedRequest(`count the documents of ${name}`, answer);
    return Number(count);
  }

  /** Makes everything that was written visible to searches. */
  async refresh(name: string): Promise<void> {
    await this.#must(`refresh ${name}`, { method: "POST", path: `${pathOf(name)}/_refresh` });
  }

  /** Another konn may have been quicker. */
  async delete(name: string): Promise<void> {
    const answer = await this.#ask({ method: "DELETE", path: pathOf(name) });
    const isGone = answer.status === 200 || answer.status === 404;
    if (!isGone) throw refusedRequest(`delete the index ${name}`, answer);
  }

  /** False when an alias that must be there is not, or the index of one has gone. */
  async #changeAliases(what: string, actions: readonly object[]): Promise<boolean> {
    const request = { method: "POST", path: "/_aliases", body: { actions } } as const;
    const { status, body } = await this.#ask(request);
    if (status >= 200 && status <= 299) return true;
    if (status === 404 || isMissingAlias(status, body)) return false;
    throw refusedRequest(what, { status, body });
  }

  async #must(what: string, request: OpenSearchRequest): Promise<void> {
    const { status, body } = await this.#ask(request);
    if (status < 200 || status > 299) throw refusedRequest(what, { status, body });
  }

  async #ask(request: OpenSearchRequest): Promise<OpenSearchAnswer> {
    try {
      return await this.#client.request(request, this.#signal);
    } catch (error) {
      // Who is refused, or meets a wrong certificate, has been told so already.
      if (error instanceof KonnError) throw error;
      throw unreachable(this.#client.url, messageOf(error));
    }
  }
}

function pathOf(name: string): string {
  return `/${encodeURIComponent(name)}`;
}

/** What is answered where the alias went between the first look of OpenSearch and the change. */
function isMissingAlias(status: number, body: unknown): boolean {
  const reason = String(recordOf(recordOf(body)["error"])["reason"]);
  return status === 400 && reason.startsWith("required alias");
}

function infoOf(name: string, index: unknown): IndexInfo {
  const { aliases, mappings, settings } = recordOf(index);
  const { uuid, creation_date: createdAt } = recordOf(recordOf(settings)["index"]);
  return {
    name,
    uuid: String(uuid),
    createdAtMs: Number(createdAt),
    aliases: Object.keys(recordOf(aliases)),
    meta: readIndexMeta(mappings),
  };
}

function refusedRequest(what: string, { status, body }: OpenSearchAnswer): KonnError {
  const answer = { status, type: errorTypeOf(body) };
  return stateRefusal(what, answer) ?? refusal(what, answer, RETRIED_STATUSES.has(status));
}
