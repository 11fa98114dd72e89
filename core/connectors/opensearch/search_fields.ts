import { foldText, squeeze } from "../../search/fold.ts";
import { entityWords } from "../../search/entity_words.ts";
import type { EntityDocument } from "../../search/searcher.ts";

/**
 * What a document is found by, as the mapping's `search` takes it. It is derived from the rest of
 * the document and indexed only: `_source` leaves it out, so that nobody who reads or compares
 * documents meets it.
 */
export interface SearchFields {
  /** Words of the names, with spaces between. */
  readonly name: string;
  /** Words of everything else. */
  readonly rest: string;
  /** Names without separators. */
  readonly joined: readonly string[];
  /** Names, hosts and paths without separators, to be found by any letters of them. */
  readonly grams: readonly string[];
  /** Length of the name, in UTF-16 units. */
  readonly length: number;
}

/** Characters of a joined text that are found. */
const JOINED_MAX_LENGTH = 256;
/** Hosts and paths whose letters are found. */
const VALUES_MAX_COUNT = 64;
const LENGTH_MAX = 32_767;

/** What an entity is found by. */
export function searchFields(document: EntityDocument): SearchFields {
  const { name, rest, squeezedNames } = entityWords(document);
  const { hosts = [], paths = [] } = document;
  const values = [...hosts.slice(0, VALUES_MAX_COUNT), ...paths.slice(0, VALUES_MAX_COUNT)];
  const squeezed = values.map((text) => squeeze(foldText(text)));
  return {
    name: [...name].join(" "),
    rest: [...rest].join(" "),
    joined: squeezedNames.map(cut),
    grams: [...new Set([...squeezedNames, ...squeezed])].map(cut),
    length: Math.min((document.name ?? document.id).length, LENGTH_MAX),
  };
}

/** Whether something that is to be written is an entity, which alone is searched. */
export function isEntity(document: object): document is EntityDocument {
  return (
    "id" in document &&
    typeof document.id === "string" &&
    "type" in document &&
    typeof document.type === "string"
  );
}

function cut(text: string): string {
  return text.slice(0, JOINED_MAX_LENGTH);
}
