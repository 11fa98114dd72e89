import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import english from "dictionary-en-gb";
import nspell from "nspell";
import { documentation, prose, ROOT } from "./markdown.ts";

/** Words of this project's own, one a line, each of which some page uses. */
const WORDS_FILE = "tests/docs/words.txt";

const words = readFileSync(join(ROOT, WORDS_FILE), "utf8").trimEnd().split("\n");

/** Words of a page: no code, no addresses, no names in capitals. */
function wordsOf(text: string): readonly string[] {
  const plain = prose(text)
    .replaceAll(/\]\([^)]*\)/g, "]")
    .replaceAll(/https?:\/\/\S+|<!--[\s\S]*?-->|<[^>\n]+>/g, " ");
  return plain.match(/(?<![\w.@/=-])\p{L}+(?:'\p{L}+)?(?![\w@/=]|[.:-]\w)/gu) ?? [];
}

test("the documentation is spelt as the dictionary and the project's own words have it", () => {
  const spelling = nspell({ aff: Buffer.from(english.aff), dic: Buffer.from(english.dic) });
  for (const word of words) spelling.add(word);
  const unknown = new Set<string>();
  for (const { path, text } of documentation()) {
    for (const word of wordsOf(text)) {
      const isName = word === word.toUpperCase();
      if (!isName && !spelling.correct(word)) unknown.add(`${path}: ${word}`);
    }
  }
  expect([...unknown]).toEqual([]);
});

test(`${WORDS_FILE} is sorted, and holds nothing that no page uses`, () => {
  expect(words).toEqual([...new Set(words)].toSorted());
  const used = new Set(documentation().flatMap(({ text }) => wordsOf(text)));
  expect(words.filter((word) => !used.has(word))).toEqual([]);
});
