import type { EntityDocument } from "../../search/searcher.ts";
import { foldDigraphs, foldText, squeeze } from "../../search/fold.ts";
import { canonicalType, typeSpellings } from "../../search/type_names.ts";
import { splitWords } from "../../search/words.ts";

/** What of an entity is found by words, as the columns of the full-text table take it. */
export interface IndexedWords {
  /** Words of its names, with spaces between. */
  readonly name: string;
  /** Words of everything else that is searched. */
  readonly rest: string;
  /** Marks of its type, its control plane and what it belongs to. */
  readonly kind: string;
  /** Names without separators. */
  readonly squeezedNames: readonly string[];
}

/** The longest word that is found by its letters; longer ones are cut. */
export const WORD_MAX_LENGTH = 64;
/** Values of a field, and words of a value, that are found. */
const VALUES_MAX_COUNT = 64;

/** Takes an entity apart into what it is found by. */
export function indexedWords(document: EntityDocument): IndexedWords {
  const name = new Set<string>();
  const rest = new Set<string>();
  const squeezedNames: string[] = [];
  const { name: first, instance_name, custom_id, prefix } = document;
  for (const text of [first, instance_name, custom_id, prefix]) {
    if (text === undefined) continue;
    addWords(name, text);
    squeezedNames.push(squeeze(foldText(text)));
    const digraphs = foldDigraphs(text);
    if (digraphs !== undefined) squeezedNames.push(squeeze(digraphs));
  }
  const { hosts, paths, labels, tags, methods, protocols, version, description } = document;
  for (const texts of [hosts, paths, labels, tags, methods, protocols]) {
    for (const text of texts?.slice(0, VALUES_MAX_COUNT) ?? []) addWords(rest, text);
  }
  if (version !== undefined) addWords(rest, version);
  if (description !== undefined) addWords(rest, description);
  addWords(rest, document.type);
  return {
    name: [...name].join(" "),
    rest: [...rest].join(" "),
    kind: marksOf(document),
    squeezedNames: [...new Set(squeezedNames)].filter((text) => text !== ""),
  };
}

function addWords(words: Set<string>, text: string): void {
  for (const word of splitWords(text)) {
    words.add(word.text.slice(0, WORD_MAX_LENGTH));
    if (word.digraph !== undefined) words.add(word.digraph.slice(0, WORD_MAX_LENGTH));
  }
}

function marksOf({ type, control_plane: controlPlane = "", parent }: EntityDocument): string {
  const marks = [typeMark(type), controlPlaneMark(controlPlane)];
  if (parent !== undefined) marks.push(parentMark(parent));
  return marks.join(" ");
}

/** A word that stands for a type. Letters and digits alone, whatever the type is called. */
export function typeMark(type: string): string {
  const canonical = canonicalType(type);
  const known = TYPE_MARKS.get(canonical);
  if (known !== undefined) return known;
  const mark = `t${hashOf(typeSpellings(canonical).toSorted().join(" "))}`;
  if (TYPE_MARKS.size < TYPE_MARKS_MAX_COUNT) TYPE_MARKS.set(canonical, mark);
  return mark;
}

export function controlPlaneMark(controlPlane: string): string {
  return `c${hashOf(controlPlane)}`;
}

/** A word that stands for the id of what an entity belongs to. */
export function parentMark(parent: string): string {
  return `p${hashOf(foldText(parent))}`;
}

/** Types are few, and each entity has one; a stream of made-up ones fills no memory. */
const TYPE_MARKS = new Map<string, string>();
const TYPE_MARKS_MAX_COUNT = 1_000;

function hashOf(text: string): string {
  return Bun.hash.wyhash(text).toString(36);
}

/** `orders`, `v2`, `auth0`, `k8s`; not `c04b` and other pieces of random text. */
const VOCABULARY_WORD = /^(?:[^\p{N}]+\p{N}{0,2}|\p{L}\p{N}\p{L})$/u;

/** Whether a word is kept in the vocabulary: numbers and random ones have no typos. */
export function isVocabularyWord(word: string): boolean {
  if (word.length < 2 || word.length > 32) return false;
  let digitsCount = 0;
  for (let at = 0; at < word.length; at += 1) {
    const unit = word.charCodeAt(at);
    if (unit >= 0x30 && unit <= 0x39) digitsCount += 1;
  }
  // Most words are decided on by this, and there are a dozen in each entity.
  if (digitsCount === 0) return true;
  return digitsCount <= 2 && VOCABULARY_WORD.test(word);
}
