import { editDistance, prefixDistance } from "./edit_distance.ts";
import { matchHost } from "./hosts.ts";
import { alignWords, type Alignment, WordMatcher } from "./match_words.ts";
import { literalCount, matchPath, pathEdits } from "./paths.ts";
import type { SearchableEntity, SearchablePath, SearchableText } from "./searchable_entity.ts";
import { editsCost, type Tier, TIERS } from "./tiers.ts";
import { isSameType } from "./type_names.ts";
import type { WordsQuery } from "./words_query.ts";

/** How good a match is, and what made it one. */
export interface Ranking {
  readonly score: number;
  readonly tier: Tier;
  /** The value that matched, and the member of the document that it stands in. */
  readonly field: string;
  readonly match: string;
  readonly edits: number;
}

/** Second names count a little less than the first. */
const SECOND_NAME_COST = 2;
/** Who begins with a slash means a path, unless it is a name as a whole. */
const SLASH_COST = 150;
const SLASH_GAIN = -30;
/** What it adds that no word of the name is left, and that it holds the word for its type. */
const WHOLE_GAIN = 25;
const TYPE_IN_NAME_GAIN = 8;
/** What word order takes off. */
const ORDER_COST = { contiguous: 0, in_order: 12, any_order: 24 } as const;
/** What a word that is only begun, or another form, takes off at most. */
const WORD_COST = 14;
/** What it takes off that a word is there in another form: more than a shorter name adds. */
const OTHER_FORM_COST = 10;
/** What the share of the name that was typed adds at most: the shorter name first. */
const COVERAGE_GAIN = 6;
/** Fewer letters are inside too many words. */
const INSIDE_MIN_LENGTH = 3;
/** What was typed but in no field, where the whole name was. */
const STRAY_WORDS_MAX_COUNT = 2;

/** Compares plain words with entities. One for each query, since it remembers words. */
export class WordsScorer {
  readonly #query: WordsQuery;
  readonly #matcher: WordMatcher;
  readonly #typed: readonly { types: readonly string[]; matcher: WordMatcher }[];
  readonly #single: WordMatcher[];

  constructor(query: WordsQuery) {
    this.#query = query;
    this.#matcher = new WordMatcher(query.words);
    this.#typed = query.typed.map(({ types, words }) => ({
      types,
      matcher: new WordMatcher(words),
    }));
    this.#single = query.words.map((word) => new WordMatcher([word]));
  }

  /** The best of all ways in which an entity matches, or undefined where it does not. */
  score(entity: SearchableEntity): Ranking | undefined {
    const found: Ranking[] = [];
    const keep = (one: Ranking | undefined): void => {
      if (one) found.push(one);
    };
    for (const [index, name] of entity.names.entries()) {
      keep(withCost(this.#name(name, entity), index === 0 ? 0 : SECOND_NAME_COST));
    }
    keep(this.#id(entity));
    keep(this.#host(entity));
    keep(this.#path(entity));
    keep(this.#typedName(entity));
    // What follows is worth less, and dearer to find out.
    if ((bestOf(found)?.score ?? 0) > TIERS.label) return bestOf(found);
    keep(this.#label(entity));
    if ((bestOf(found)?.score ?? 0) >= TIERS.id_start) return bestOf(found);
    keep(this.#fieldWords(entity));
    keep(this.#acrossFields(entity));
    keep(this.#insideWord(entity));
    return bestOf(found);
  }

  #name(name: SearchableText, entity: SearchableEntity): Ranking | undefined {
    const query = this.#query;
    if (query.folded === name.folded) return ranking("exact_name", name);
    if (query.squeezed.some((text) => text !== "" && name.squeezed.includes(text))) {
      const isPath = query.folded.startsWith("/");
      return ranking("joined_name", name, { gain: isPath ? SLASH_GAIN : 0 });
    }
    const found = bestOf([
      this.#nameWords(name),
      this.#squeezedName(name),
      this.#nameAmongWords(name, entity),
    ]);
    return withCost(found, query.folded.startsWith("/") ? SLASH_COST : 0);
  }

  /** By its words: all of them, in whatever order, each perhaps only begun or with a typo. */
  #nameWords(name: SearchableText): Ranking | undefined {
    const alignment = alignWords(this.#matcher, name.words);
    if (!alignment) return undefined;
    const { order, edits, cost, isWhole, isLiteral, at } = alignment;
    const gain = coverage(this.#query, name);
    const isAll = this.#matcher.count === name.words.length;
    if (edits > 0) {
      const wholeGain = isAll && isWhole ? WHOLE_GAIN : 0;
      return ranking("words_typo", name, { edits, alignment, gain: gain + wholeGain });
    }
    const isSame = isAll && isWhole && cost === 0;
    if (isSame) return ranking("same_words", name);
    // A single word in another form is no more than another word.
    if (isAll && isWhole && this.#matcher.count > 1) {
      return ranking("synonym_name", name, { alignment: { ...alignment, cost: 0 } });
    }
    const isBegun = order === "contiguous" && at[0] === 0;
    const last = this.#matcher.count - 1;
    const lastWord = name.words[at[last] ?? 0];
    const lastMatch = lastWord && this.#matcher.match(last, lastWord);
    // Only the last word of a beginning may be unfinished.
    const isLastOnly = cost === (lastMatch?.cost ?? 0);
    if (isBegun && isLiteral && isLastOnly) return ranking("name_prefix", name, { gain });
    const tier = isLiteral ? "name_words" : "synonym_words";
    return ranking(tier, name, { alignment, gain: gain + (isBegun ? 1 : 0) });
  }

  /** By its letters, whatever separates them. */
  #squeezedName(name: SearchableText): Ranking | undefined {
    const { editsMax } = this.#query;
    const found: (Ranking | undefined)[] = [];
    const gain = coverage(this.#query, name);
    for (const typed of this.#query.squeezed) {
      if (typed === "") continue;
      for (const squeezed of name.squeezed) {
        if (squeezed.startsWith(typed)) {
          const isWhole = isAtWord(name, typed.length, squeezed);
          found.push(ranking(isWhole ? "joined_prefix" : "joined_letters", name, { gain }));
        } else if (isAtWord(name, squeezed.indexOf(typed, 1), squeezed)) {
          found.push(ranking("joined_inside", name, { gain }));
        }
        if (editsMax === 0) continue;
        found.push(this.#typo(typed, squeezed, name));
      }
    }
    return bestOf(found);
  }

  #typo(typed: string, squeezed: string, name: SearchableText): Ranking | undefined {
    const { editsMax } = this.#query;
    const edits = editDistance(typed, squeezed, editsMax);
    if (edits <= editsMax) {
      // Numbers tell names apart that are otherwise the same.
      const gain = digitsOf(typed) === digitsOf(squeezed) ? 4 : 0;
      return ranking("name_typo", name, { edits, gain });
    }
    const prefixEditsMax = Math.min(editsMax, 2);
    const prefix = prefixDistance(typed, squeezed, prefixEditsMax);
    if (prefix.edits > prefixEditsMax) return undefined;
    const share = COVERAGE_GAIN * (prefix.length / squeezed.length);
    return ranking("prefix_typo", name, { edits: prefix.edits, gain: share });
  }

  /** All words of the name were typed, and one or two more that are nowhere. */
  #nameAmongWords(name: SearchableText, entity: SearchableEntity): Ranking | undefined {
    const strayCount = this.#matcher.count - name.words.length;
    if (strayCount < 1 || name.words.length === 0) return undefined;
    let cost = 0;
    let edits = 0;
    const used = new Set<number>();
    for (const word of name.words) {
      let best: { index: number; cost: number; edits: number } | undefined;
      for (let index = 0; index < this.#matcher.count; index += 1) {
        const match = used.has(index) ? undefined : this.#matcher.match(index, word);
        const isWhole = match && match.kind !== "prefix" && match.kind !== "prefix_typo";
        if (isWhole && (!best || match.cost < best.cost)) {
          best = { index, cost: match.cost, edits: match.edits };
        }
      }
      if (!best) return undefined;
      used.add(best.index);
      cost += best.cost;
      edits += best.edits;
    }
    const stray = this.#query.words.filter((_, index) => {
      return !used.has(index) && this.#elsewhere(index, entity) === 0;
    });
    if (edits > 1 || stray.length > STRAY_WORDS_MAX_COUNT) return undefined;
    const gain = 30 * (name.words.length / this.#matcher.count) - 10 * stray.length;
    return ranking("name_among_words", name, { edits, gain: gain - WORD_COST * (cost - edits) });
  }

  #id({ key, document, names }: SearchableEntity): Ranking | undefined {
    const { id } = this.#query;
    if (id === undefined) return undefined;
    const text = { field: "id", text: document.id };
    const own = document.id.toLowerCase();
    if (own === id || key.toLowerCase() === id) return ranking("exact_id", text);
    if (own.startsWith(id)) {
      const isSure = id.length >= 8 || (id.length >= 6 && /\d/.test(id));
      return ranking(isSure ? "id_prefix" : "id_start", text);
    }
    const { parent, control_plane: controlPlane } = document;
    const isReference = id.length >= 8 && names.length >= 0;
    if (!isReference) return undefined;
    if (parent?.toLowerCase().startsWith(id)) {
      return ranking("reference", { field: "parent", text: parent });
    }
    if (controlPlane?.toLowerCase() !== id) return undefined;
    return ranking("reference", { field: "control_plane", text: controlPlane }, { gain: -10 });
  }

  #host({ hosts }: SearchableEntity): Ranking | undefined {
    const { hostLabels } = this.#query;
    if (hostLabels.length === 0) return undefined;
    return bestOf(
      hosts.map((host) => {
        const match = matchHost(hostLabels, host.labels);
        if (!match) return undefined;
        const gain = (COVERAGE_GAIN * hostLabels.length) / host.labels.length;
        const cost = host.field === "hosts" ? 0 : 1;
        return ranking(HOST_TIERS[match], host, { gain: gain - cost });
      }),
    );
  }

  #path(entity: SearchableEntity): Ranking | undefined {
    const { path: asked } = this.#query;
    if (!asked) return undefined;
    const { document, paths, hosts } = entity;
    const hostGain = hostGainOf(asked.hostLabels, hosts);
    if (hostGain === undefined) return undefined;
    const { method } = asked;
    const takesMethod =
      method === undefined || document.methods === undefined
        ? 0
        : document.methods.some((own) => own.toLowerCase() === method)
          ? 8
          : -40;
    return bestOf(
      paths.map((path) => {
        const match = matchPath(asked.path, path.path);
        if (!match) return this.#pathTypo(path);
        const literals = literalCount(path.path);
        const gain = takesMethod + hostGain + literals / 4;
        const isUrl = asked.hostLabels.length > 0 && (match === "equal" || match === "fits");
        if (isUrl && hostGain > 0)
          return ranking("exact_url", path, { gain: takesMethod + literals / 4 - 4 });
        const share = asked.path.segments.length / Math.max(1, path.path.segments.length);
        return ranking(PATH_TIERS[match], path, {
          gain: gain + (match === "begins" || match === "inside" ? COVERAGE_GAIN * share : 0),
        });
      }),
    );
  }

  #pathTypo(path: SearchablePath): Ranking | undefined {
    const asked = this.#query.path?.path;
    if (!asked || pathEdits(asked, path.path, 1) > 1) return undefined;
    return ranking("path_typo", path, { edits: 1, gain: editsCost(1) });
  }

  #label({ labels }: SearchableEntity): Ranking | undefined {
    return bestOf(
      labels.map((label) => {
        const whole = alignWords(this.#matcher, label.words);
        if (!whole || whole.edits > 0 || whole.order !== "contiguous") return undefined;
        const count = this.#matcher.count;
        const isEnd = (whole.at.at(-1) ?? 0) === label.words.length - 1;
        if (!isEnd || !isExact(whole)) return undefined;
        if (count === label.words.length) return ranking("label", label);
        const isValue = whole.at[0] === label.valueAt && label.valueAt > 0;
        if (!isValue) return undefined;
        return ranking(count > 1 ? "label_value" : "label_word", label);
      }),
    );
  }

  #typedName({ document, names }: SearchableEntity): Ranking | undefined {
    return bestOf(
      this.#typed.flatMap(({ types, matcher }) => {
        if (!types.some((type) => isSameType(document.type, type))) return [];
        return names.map((name) => {
          const alignment = alignWords(matcher, name.words);
          if (!alignment) return undefined;
          const { edits } = alignment;
          const isInName = alignWords(this.#matcher, name.words) !== undefined;
          const gain = coverage(this.#query, name) + (isInName ? TYPE_IN_NAME_GAIN : 0);
          return ranking(edits > 0 ? "typed_typo" : "typed_name", name, { alignment, edits, gain });
        });
      }),
    );
  }

  /** All words in one value of another field. */
  #fieldWords({ hosts, paths, labels, others }: SearchableEntity): Ranking | undefined {
    return bestOf(
      [...hosts, ...paths, ...labels, ...others].map((text, index) => {
        const alignment = alignWords(this.#matcher, text.words);
        if (!alignment) return undefined;
        const { edits } = alignment;
        const cost = index < hosts.length + paths.length ? 0 : 4;
        return ranking(edits > 0 ? "field_typo" : "field_words", text, {
          alignment,
          edits,
          gain: -cost,
        });
      }),
    );
  }

  /** Each word somewhere, one at least in the name. */
  #acrossFields(entity: SearchableEntity): Ranking | undefined {
    const { count } = this.#matcher;
    if (count < 2) return undefined;
    let cost = 0;
    let edits = 0;
    let inNameCount = 0;
    let inName: SearchableText | undefined;
    for (let index = 0; index < count; index += 1) {
      const single = this.#single[index];
      let best: Alignment | undefined;
      for (const name of single ? entity.names : []) {
        const found = single && alignWords(single, name.words);
        if (found && (!best || found.cost < best.cost)) {
          best = found;
          inName ??= name;
        }
      }
      const elsewhere = this.#elsewhereMatch(index, entity);
      const isNamed = best && (!elsewhere || best.cost <= elsewhere.cost);
      const chosen = isNamed ? best : elsewhere;
      if (!chosen) return undefined;
      if (isNamed) inNameCount += 1;
      cost += chosen.cost - chosen.edits;
      edits += chosen.edits;
    }
    const text = inName ?? entity.names[0] ?? { field: "id", text: entity.document.id };
    const gain = (inNameCount > 0 ? 0 : -30) + inNameCount - WORD_COST * cost;
    return ranking(edits > 0 ? "across_typo" : "across_fields", text, { edits, gain });
  }

  #elsewhere(index: number, entity: SearchableEntity): number {
    const match = this.#elsewhereMatch(index, entity);
    return match && match.edits === 0 ? 1 : 0;
  }

  #elsewhereMatch(
    index: number,
    { hosts, paths, labels, others, document }: SearchableEntity,
  ): { cost: number; edits: number } | undefined {
    let best: { cost: number; edits: number } | undefined;
    for (const texts of [hosts, paths, labels, others]) {
      for (const { words } of texts) {
        for (const word of words) {
          const match = this.#matcher.match(index, word);
          if (match && (!best || match.cost < best.cost)) best = match;
          if (best?.cost === 0) return best;
        }
      }
    }
    const word = { text: document.type, start: 0, end: document.type.length };
    const ofType = this.#matcher.match(index, word);
    return ofType && (!best || ofType.cost < best.cost) ? ofType : best;
  }

  #insideWord({ names, hosts, paths }: SearchableEntity): Ranking | undefined {
    const [typed = ""] = this.#query.squeezed;
    if (typed.length < INSIDE_MIN_LENGTH) return undefined;
    const texts = [...names, ...hosts, ...paths];
    const at = texts.findIndex(({ squeezed }) => squeezed.some((text) => text.includes(typed)));
    const text = texts[at];
    if (!text) return undefined;
    const cost = at < names.length ? 0 : 20;
    return ranking("inside_word", text, { gain: coverage(this.#query, text) - cost });
  }
}

const HOST_TIERS = {
  equal: "exact_host",
  begins: "host_prefix",
  tail: "host_tail",
  reversed: "host_reversed",
  inside: "host_inside",
} as const;

const PATH_TIERS = {
  equal: "exact_path",
  fits: "path_fits",
  begins: "path_prefix",
  inside: "path_inside",
  below: "path_below",
} as const;

interface Details {
  readonly edits?: number;
  readonly alignment?: Alignment;
  readonly gain?: number;
}

function ranking(
  tier: Tier,
  { field, text }: Pick<SearchableText, "field" | "text">,
  { edits = 0, alignment, gain = 0 }: Details = {},
): Ranking {
  const wordsCost = alignment
    ? ORDER_COST[alignment.order] +
      WORD_COST * (alignment.cost - alignment.edits) +
      (alignment.isLiteral ? 0 : OTHER_FORM_COST)
    : 0;
  const score = TIERS[tier] + gain - wordsCost - editsCost(edits);
  return { score, tier, field, match: text, edits };
}

function withCost(found: Ranking | undefined, cost: number): Ranking | undefined {
  return found && cost > 0 ? { ...found, score: found.score - cost } : found;
}

function bestOf(rankings: readonly (Ranking | undefined)[]): Ranking | undefined {
  let best: Ranking | undefined;
  for (const found of rankings) if (found && (!best || found.score > best.score)) best = found;
  return best;
}

function isExact({ cost }: Alignment): boolean {
  return cost === 0;
}

/** The share of a text that was typed, in points. */
function coverage({ squeezed: [typed = ""] }: WordsQuery, text: SearchableText): number {
  const length = Math.max(1, text.squeezed[0]?.length ?? 1);
  return COVERAGE_GAIN * Math.min(1, typed.length / length);
}

/** Whether a place in the squeezed text is where a word begins. */
function isAtWord({ words }: SearchableText, place: number, squeezed: string): boolean {
  if (place < 0) return false;
  let at = 0;
  for (const { text, digraph } of words) {
    if (at === place) return true;
    at += (squeezed.startsWith(text, at) ? text : (digraph ?? text)).length;
  }
  return false;
}

/** What a host in the query adds; undefined where it is another host. */
function hostGainOf(
  asked: readonly string[],
  hosts: SearchableEntity["hosts"],
): number | undefined {
  if (asked.length === 0) return 0;
  if (hosts.length === 0) return -60;
  const matches = hosts.map(({ labels }) => matchHost(asked, labels));
  if (matches.includes("equal")) return 8;
  return matches.some((match) => match === "tail" || match === "begins") ? 2 : -80;
}

function digitsOf(text: string): string {
  return text.replace(/\D+/g, "");
}
