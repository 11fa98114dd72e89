import type { Identity } from "../../connector/mod.ts";
import { recordOf } from "./client.ts";

/** The format of konn's indexes: it changes with the mapping. An index of another one is refused. */
export const INDEX_FORMAT = 3;

/**
 * Characters of the beginnings of joined names that are indexed: what begins so is found at once,
 * and a typo is looked for among few terms. Longer beginnings are rare, and their letters tell.
 */
export const JOINED_BEGINNINGS = { min: 1, max: 12 } as const;

/** Hides deleted entities from everybody who reads the alias. */
export const LIVE_FILTER = { term: { deleted: false } } as const;

/** What konn writes into the mapping of an index, to know it again. */
export interface IndexMeta {
  readonly konn: number;
  /** The alias that the index was made for. */
  readonly alias: string;
  /** Of the stream that it is made from: cluster id, topic id, partition count. */
  readonly source: Identity;
  /** The table was truncated there: what stands before it in PostgreSQL's log is not indexed. */
  readonly truncatedAtLsn?: number | undefined;
}

/** The mapping of an index: strict, so that nothing gets in that was not decided on. */
export function indexMappings(meta: IndexMeta): object {
  return {
    dynamic: "strict",
    _meta: meta,
    // What is only searched by is not part of the document: readers and `verify` do not see it.
    _source: { excludes: ["search"] },
    properties: {
      type: KEYWORD,
      id: KEYWORD,
      control_plane: KEYWORD,
      name: SEARCHED_TEXT,
      custom_id: SEARCHED_TEXT,
      instance_name: SEARCHED_TEXT,
      prefix: SEARCHED_TEXT,
      description: { type: "text" },
      hosts: SEARCHED_TEXT,
      paths: SEARCHED_TEXT,
      methods: KEYWORD,
      protocols: KEYWORD,
      tags: FOLDED_KEYWORD,
      labels: FOLDED_KEYWORD,
      parent: KEYWORD,
      version: KEYWORD,
      enabled: { type: "boolean" },
      created_at: { type: "date" },
      updated_at: { type: "date" },
      deleted: { type: "boolean" },
      deleted_at: { type: "date" },
      search: { properties: SEARCH_PROPERTIES },
    },
  };
}

const KEYWORD = { type: "keyword" } as const;

/** Equal but for case and accents is equal. */
const FOLDED_KEYWORD = { type: "keyword", normalizer: "folded" } as const;

/** Words for a search, and the whole for an exact match, for sorting and for counts. */
const SEARCHED_TEXT = {
  type: "text",
  analyzer: "folded_words",
  fields: { keyword: FOLDED_KEYWORD },
} as const;

/** Whether it is there is all that is asked: konn ranks what is found itself. */
const FOUND_BY = { type: "text", norms: false, index_options: "docs" } as const;

/** How candidates of a search are found: see `SearchFields`. */
const SEARCH_PROPERTIES = {
  name: { ...FOUND_BY, analyzer: "spaced" },
  rest: { ...FOUND_BY, analyzer: "spaced" },
  joined: {
    type: "keyword",
    doc_values: false,
    fields: { begin: { ...FOUND_BY, analyzer: "joined_beginnings", search_analyzer: "spaced" } },
  },
  /** How many letters in a row are shared is what typos are ordered by. */
  grams: { ...FOUND_BY, analyzer: "trigrams", similarity: "boolean" },
  length: { type: "short", index: false },
} as const;

export interface IndexSettingsOptions {
  /** While an index is built nobody searches it, so it needs no refresh and no replica. */
  readonly isBuilding: boolean;
}

/** A replica is cheaper to copy once than to write along, and nobody searches here yet. */
const BUILDING_SETTINGS = {
  auto_expand_replicas: false,
  number_of_replicas: 0,
  refresh_interval: "-1",
} as const;

/**
 * A replica where there is a node for it; on a single node the index is green without one. The
 * usual refresh of a second.
 */
export const LIVE_SETTINGS = { auto_expand_replicas: "0-1", refresh_interval: null } as const;

/** The settings of an index. */
export function indexSettings({ isBuilding }: IndexSettingsOptions): object {
  const filter = ["lowercase", "asciifolding"];
  return {
    ...(isBuilding ? BUILDING_SETTINGS : LIVE_SETTINGS),
    // What a bulk acknowledges must survive a crash, whatever a template of the cluster says.
    "translog.durability": "request",
    analysis: {
      normalizer: { folded: { type: "custom", filter } },
      analyzer: {
        folded_words: { type: "custom", tokenizer: "words", filter },
        // konn has folded and cut these already.
        spaced: { type: "custom", tokenizer: "whitespace" },
        joined_beginnings: { type: "custom", tokenizer: "keyword", filter: ["joined_beginnings"] },
        trigrams: { type: "custom", tokenizer: "trigrams" },
      },
      filter: {
        joined_beginnings: {
          type: "edge_ngram",
          min_gram: JOINED_BEGINNINGS.min,
          max_gram: JOINED_BEGINNINGS.max,
        },
      },
      // Names are joined by dots, dashes and underscores; the standard tokenizer keeps some of them.
      tokenizer: {
        words: { type: "pattern", pattern: "[^\\p{L}\\p{N}]+" },
        trigrams: { type: "ngram", min_gram: 3, max_gram: 3 },
      },
    },
  };
}

/** Reads what `indexMappings` wrote. Undefined for an index that konn did not make. */
export function readIndexMeta(mappings: unknown): IndexMeta | undefined {
  const { konn, alias, source, truncatedAtLsn } = recordOf(recordOf(mappings)["_meta"]);
  if (typeof konn !== "number" || typeof alias !== "string") return undefined;
  const facts = Object.entries(recordOf(source)).map(([name, value]) => [name, String(value)]);
  const meta = { konn, alias, source: Object.fromEntries(facts) };
  return typeof truncatedAtLsn === "number" ? { ...meta, truncatedAtLsn } : meta;
}
