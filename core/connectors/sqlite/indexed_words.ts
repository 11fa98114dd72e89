import type { EntityDocument } from "../../search/searcher.ts";
import { entityWords } from "../../search/entity_words.ts";
import { foldText } from "../../search/fold.ts";
import { canonicalType, typeSpellings } from "../../search/type_names.ts";

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

/** Takes an entity apart into what it is found by. */
export function indexedWords(document: EntityDocument): IndexedWords {
  const { name, rest, squeezedNames } = entityWords(document);
  return {
    name: [...name].join(" "),
    rest: [...rest].join(" "),
    kind: marksOf(document),
    squeezedNames,
  };
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
