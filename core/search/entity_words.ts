import type { EntityDocument } from "../konnect/entity_document.ts";
import { foldDigraphs, foldText, squeeze } from "./fold.ts";
import { splitWords } from "./words.ts";

/** What an engine finds an entity by: it is found where these are, and then compared. */
export interface EntityWords {
  /** Words of its names. */
  readonly name: ReadonlySet<string>;
  /** Words of everything else that is searched. */
  readonly rest: ReadonlySet<string>;
  /** Names without separators. */
  readonly squeezedNames: readonly string[];
}

/** The longest word that is found by its letters; longer ones are cut. */
export const WORD_MAX_LENGTH = 64;
/** Values of a field that are found. */
const VALUES_MAX_COUNT = 64;

/** Takes an entity apart into what it is found by. */
export function entityWords(document: EntityDocument): EntityWords {
  const name = new Set<string>();
  const rest = new Set<string>();
  const squeezedNames: string[] = [];
  const { name: first, instance_name, custom_id, prefix } = document;
  for (const text of [first, instance_name, custom_id, prefix]) {
    if (text === undefined) continue;
    addWords(name, text);
    squeezedNames.push(...squeezedForms(text));
  }
  const { hosts, paths, labels, tags, methods, protocols, version, description } = document;
  for (const texts of [hosts, paths, labels, tags, methods, protocols]) {
    for (const text of texts?.slice(0, VALUES_MAX_COUNT) ?? []) addWords(rest, text);
  }
  if (version !== undefined) addWords(rest, version);
  if (description !== undefined) addWords(rest, description);
  addWords(rest, document.type);
  return { name, rest, squeezedNames: [...new Set(squeezedNames)].filter((text) => text !== "") };
}

/** A text without its separators; a second one where umlauts can be spelled out. */
function squeezedForms(text: string): readonly string[] {
  const digraphs = foldDigraphs(text);
  const squeezed = squeeze(foldText(text));
  return digraphs === undefined ? [squeezed] : [squeezed, squeeze(digraphs)];
}

function addWords(words: Set<string>, text: string): void {
  for (const word of splitWords(text)) {
    words.add(word.text.slice(0, WORD_MAX_LENGTH));
    if (word.digraph !== undefined) words.add(word.digraph.slice(0, WORD_MAX_LENGTH));
  }
}
