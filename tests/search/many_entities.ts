import { parseQuery, SearchError } from "../../core/search/mod.ts";
import type { CorpusEntity, JudgedQuery } from "./relevance.ts";

/**
 * A corpus many times over. Each copy has ids and control planes of its own, and names of which one
 * word is another one, so that the vocabulary stays that of people.
 */
export function* copiesOf(
  corpus: readonly CorpusEntity[],
  copiesCount: number,
): Generator<CorpusEntity> {
  const words = wordsOf(corpus);
  for (let copy = 0; copy < copiesCount; copy += 1) {
    for (const [at, entity] of corpus.entries()) {
      yield copy === 0
        ? entity
        : copyOf(entity, { copy, word: words[(at * 31 + copy * 977) % words.length] ?? "x" });
    }
  }
}

/**
 * Beginnings of the queries, as a page would ask for them: every key that is typed. Those that end
 * within quotes, say, and are no queries are left out.
 */
export function typedTexts(judged: readonly JudgedQuery[], count: number): readonly string[] {
  const typed = judged.flatMap(({ q }) => {
    return Array.from({ length: q.length }, (_, at) => q.slice(0, at + 1));
  });
  const step = Math.max(1, Math.floor(typed.length / count));
  return typed.filter((_, at) => at % step === 0).filter(isQuery);
}

function isQuery(text: string): boolean {
  try {
    parseQuery(text);
    return true;
  } catch (error) {
    if (error instanceof SearchError) return false;
    throw error;
  }
}

function wordsOf(entities: readonly CorpusEntity[]): readonly string[] {
  const words = new Set<string>();
  for (const { value } of entities) {
    for (const [word] of JSON.stringify(value).matchAll(/(?<=[-_."])[a-z]{4,12}(?=[-_."])/g))
      words.add(word);
  }
  return [...words];
}

function copyOf(
  { key, value }: CorpusEntity,
  { copy, word }: { copy: number; word: string },
): CorpusEntity {
  const mark = copy.toString(16).padStart(4, "0");
  const text = JSON.stringify(value)
    .replace(/("(?:name|username|hostname)":")([^"]*?)([-_.])/, `$1${word}$3`)
    .replaceAll(/([0-9a-f]{4})([0-9a-f]{4}-[0-9a-f]{4}-)/g, `${mark}$2`);
  return {
    key: key.replaceAll(/([0-9a-f]{4})([0-9a-f]{4}-)/g, `${mark}$2`).replace(/.{4}$/, mark),
    value: JSON.parse(text),
  };
}
