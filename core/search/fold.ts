const DASHES = /[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]/gu;
/** Zero-width characters, soft hyphens, marks of direction, variation selectors, the BOM. */
const INVISIBLE =
  /\u00ad|\u034f|\u061c|\u180e|[\u200b-\u200f]|[\u202a-\u202e]|[\u2060-\u206f]|\ufeff|\p{Variation_Selector}/gu;
const LATIN_MARKS = /(\p{Script=Latin})\p{Mn}+/gu;
/** Latin letters that do not come apart into a letter and a mark. */
const LATIN_LETTERS: Readonly<Record<string, string>> = {
  ß: "ss",
  ø: "o",
  æ: "ae",
  œ: "oe",
  ł: "l",
  đ: "d",
  ð: "d",
  þ: "th",
  ħ: "h",
  ı: "i",
  ŋ: "n",
  ŧ: "t",
};
const OWN_LATIN_LETTER = /[ßøæœłđðþħıŋŧ]/gu;
const UMLAUT = /[äöüå]/gu;
const DIGRAPHS: Readonly<Record<string, string>> = { ä: "ae", ö: "oe", ü: "ue", å: "aa" };

/**
 * A text as it is compared: compatibility forms composed (NFKC), invisible characters gone, dashes
 * made one, lower case, Latin letters without accents. Other scripts keep their marks, which tell
 * their letters apart. Separators stay.
 */
export function foldText(text: string): string {
  if (isAscii(text)) return text.toLowerCase();
  return withoutAccents(lowerCased(text));
}

/**
 * The other way to write without umlauts: ä as ae. Undefined where that makes no difference.
 */
export function foldDigraphs(text: string): string | undefined {
  if (isAscii(text)) return undefined;
  const lower = lowerCased(text);
  const spelled = lower.replace(UMLAUT, (letter) => DIGRAPHS[letter] ?? letter);
  return spelled === lower ? undefined : withoutAccents(spelled);
}

/** What typing and pasting add to a text without anybody seeing it, taken off. Case stays. */
export function cleanText(text: string): string {
  if (isAscii(text)) return text;
  return text.normalize("NFKC").replace(INVISIBLE, "").replace(DASHES, "-");
}

const NO_LETTER = /[^\p{L}\p{N}\p{M}]+/gu;
const NO_ASCII_LETTER = /[^a-z0-9]+/g;

/** A folded text without its separators. */
export function squeeze(folded: string): string {
  if (isAscii(folded)) return folded.replace(NO_ASCII_LETTER, "");
  return folded.replace(NO_LETTER, "");
}

function lowerCased(text: string): string {
  // Lower case of some letters is decomposed (İ), so it comes before the composition is final.
  return cleanText(text).toLowerCase().normalize("NFC");
}

/** Marks first: ǽ is an accent on a letter that is two. */
function withoutAccents(lower: string): string {
  return lower
    .normalize("NFD")
    .replace(LATIN_MARKS, "$1")
    .normalize("NFC")
    .replace(OWN_LATIN_LETTER, (letter) => LATIN_LETTERS[letter] ?? letter);
}

/** By a loop: nearly all texts are, and this is asked several times of each. */
export function isAscii(text: string): boolean {
  for (let at = 0; at < text.length; at += 1) if (text.charCodeAt(at) > 0x7f) return false;
  return true;
}
