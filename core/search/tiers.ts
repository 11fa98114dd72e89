/**
 * What a match is worth, the best first: exact over prefix over fuzzy over inside a word, names over
 * hosts and paths over tags and labels. The distances leave room for what is taken off within a
 * tier, so that one never reaches into the next by length alone.
 */
export const TIERS = {
  /** The whole name, id, host, path, URL. */
  exact_name: 1000,
  exact_id: 990,
  /** The name but for its separators: `ordersapi` for `orders-api`. */
  joined_name: 960,
  exact_url: 950,
  exact_host: 940,
  exact_path: 940,
  /** The words of the name in another order. */
  same_words: 900,
  /** A concrete path that the template fits. */
  path_fits: 895,
  id_prefix: 890,
  /** `service payments`: a type, and words of a name. */
  typed_name: 875,
  /** The beginning of the name. */
  name_prefix: 860,
  /** Whole words of its beginning, joined. */
  joined_prefix: 850,
  host_prefix: 840,
  path_prefix: 840,
  host_tail: 835,
  host_reversed: 830,
  /** A whole label or tag, its key included: `env=prod`. */
  label: 820,
  /** The value of one, where it has several words: `eu-central-1`. */
  label_value: 812,
  /** Words further on in the name, or only some of its words. */
  name_words: 780,
  /** The name but for abbreviations, number and spelling. */
  synonym_name: 776,
  path_inside: 775,
  host_inside: 770,
  /** The beginning of the name by chance: `renderings` of `rendering-svc`. */
  joined_letters: 758,
  /** Words of the name, some of them in another form. */
  synonym_words: 755,
  /** The value of a label or tag, one word. */
  label_word: 720,
  /** A later part of the name, but for separators. */
  joined_inside: 705,
  /** A few letters that ids begin with as well. */
  id_start: 700,
  /** Words of the name, and the others in other fields. */
  across_fields: 690,
  /** All words in a host, a path, a label. */
  field_words: 680,
  /** Fuzzy, by edits. */
  name_typo: 660,
  prefix_typo: 640,
  typed_typo: 630,
  words_typo: 620,
  path_typo: 590,
  across_typo: 560,
  field_typo: 545,
  /** The route that takes the path: it begins with the route's own. */
  path_below: 520,
  /** In the middle of a word. */
  inside_word: 440,
  /** The whole name, among words that nothing holds. */
  name_among_words: 410,
  /** Another entity refers to the id. */
  reference: 400,
  /** It fulfils a condition that says nothing about how well. */
  filter: 100,
} as const;

export type Tier = keyof typeof TIERS;

/**
 * What edits take off, by their number: a second one more than the first, so that one edit in a
 * lesser field is better than two in a name.
 */
export function editsCost(edits: number): number {
  return edits * 50 + Math.max(0, edits - 1) * 40;
}
