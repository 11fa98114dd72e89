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
  return {
    name: new Set(nameTexts(document).flatMap(wordsOfText)),
    rest: new Set(restTexts(document).flatMap(wordsOfText)),
    squeezedNames: squeezedNamesOf(document),
  };
}

/** What a person calls an entity. */
export function nameTexts({ name, instance_name, custom_id, prefix }: EntityDocument): string[] {
  return [name, instance_name, custom_id, prefix].filter((text) => text !== undefined);
}

/** Everything else that is searched. */
export function restTexts(document: EntityDocument): string[] {
  const { hosts, paths, labels, tags, methods, protocols, version, description } = document;
  const found: string[] = [];
  for (const texts of [hosts, paths, labels, tags, methods, protocols]) {
    const count = Math.min(texts?.length ?? 0, VALUES_MAX_COUNT);
    for (let index = 0; index < count; index += 1) found.push(texts?.[index] ?? "");
  }
  if (version !== undefined) found.push(version);
  if (description !== undefined) found.push(description);
  found.push(document.type);
  return found;
}

/** Names without separators, each once, the first name first. */
export function squeezedNamesOf(document: EntityDocument): string[] {
  const found: string[] = [];
  for (const text of nameTexts(document)) {
    for (const squeezed of squeezedForms(text)) {
      if (squeezed !== "" && !found.includes(squeezed)) found.push(squeezed);
    }
  }
  return found;
}

/** A text without its separators; a second one where umlauts can be spelled out. */
function squeezedForms(text: string): readonly string[] {
  const digraphs = foldDigraphs(text);
  const squeezed = squeeze(foldText(text));
  return digraphs === undefined ? [squeezed] : [squeezed, squeeze(digraphs)];
}

/** The words by which a text is found, each once. */
export function wordsOfText(text: string): string[] {
  const words = new Set<string>();
  for (const word of splitWords(text)) {
    words.add(cut(word.text));
    if (word.digraph !== undefined) words.add(cut(word.digraph));
  }
  return [...words];
}

function cut(word: string): string {
  return word.length > WORD_MAX_LENGTH ? word.slice(0, WORD_MAX_LENGTH) : word;
}
