/**
 * Types by all their names: as the stream writes them, and as Konnect's own search calls them. The
 * first is the stream's.
 */
const ALIASES: readonly (readonly string[])[] = [
  ["node", "data_plane", "clustering_data_plane"],
  ["cluster", "control_plane"],
  ["service", "gateway_service"],
  ["data_plane_certificate", "data_plane_client_certificate"],
];

/** Words that name a type without being its name. */
const WORDS: Readonly<Record<string, string>> = {
  svc: "service",
  dp: "node",
};

const ALIASES_OF_TYPE = new Map(ALIASES.flatMap((group) => group.map((name) => [name, group])));

/** Every spelling under which entities of a type may stand in an index, the one given first. */
export function typeSpellings(type: string): readonly string[] {
  const canonical = canonicalType(type);
  const group = ALIASES_OF_TYPE.get(canonical) ?? [canonical];
  const hyphenated = group.map((name) => name.replaceAll("_", "-"));
  return [...new Set([type, ...group, ...hyphenated])];
}

/** A type in lower case with underscores. */
export function canonicalType(type: string): string {
  return type.toLowerCase().replaceAll("-", "_");
}

/** Whether an entity of one type is meant by the other name. */
export function isSameType(type: string, asked: string): boolean {
  const [a, b] = [canonicalType(type), canonicalType(asked)];
  return a === b || (ALIASES_OF_TYPE.get(a)?.includes(b) ?? false);
}

/**
 * The types that a word or two words in the singular or plural stand for: `services`, `consumer
 * groups`. Folded words.
 */
export function typesOfWords(words: readonly string[], known: readonly string[]): string[] {
  const joined = words.join("_");
  const singular = joined.endsWith("ies") ? `${joined.slice(0, -3)}y` : joined.replace(/s$/, "");
  const word = (Object.hasOwn(WORDS, singular) ? WORDS[singular] : undefined) ?? singular;
  return known.filter((type) => isSameType(type, joined) || isSameType(type, word));
}
