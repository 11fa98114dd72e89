import type { EntityDocument } from "../konnect/entity_document.ts";
import { foldDigraphs, foldText, squeeze } from "./fold.ts";
import { hostLabels } from "./hosts.ts";
import { type Path, parsePath } from "./paths.ts";
import { splitWords, type Word } from "./words.ts";

/** A value of a document, prepared for being compared. */
export interface SearchableText {
  /** The member of the document that it stands in. */
  readonly field: string;
  /** As it stands there. */
  readonly text: string;
  readonly folded: string;
  /** Folded, without separators; a second one where umlauts can be spelled out. */
  readonly squeezed: readonly string[];
  readonly words: readonly Word[];
}

export interface SearchableHost extends SearchableText {
  readonly labels: readonly string[];
}

export interface SearchablePath extends SearchableText {
  readonly path: Path;
}

/** `k=v`, `k:v`, or a bare tag. */
export interface SearchableLabel extends SearchableText {
  /** Where its value begins, in words: 0 for a bare tag. */
  readonly valueAt: number;
}

/** Values of one field that are looked at. */
const VALUES_MAX_COUNT = 64;
/** Characters of a value that are looked at. */
const VALUE_MAX_LENGTH = 1_024;

/**
 * An entity, prepared for being compared with many queries. Each kind of field is prepared when it
 * is first asked for: most candidates are decided on by their names.
 */
export class SearchableEntity {
  readonly key: string;
  readonly document: EntityDocument;
  /** The name first, then the second names. */
  readonly names: readonly SearchableText[];
  #hosts: readonly SearchableHost[] | undefined;
  #paths: readonly SearchablePath[] | undefined;
  #labels: readonly SearchableLabel[] | undefined;
  #others: readonly SearchableText[] | undefined;

  constructor(key: string, document: EntityDocument) {
    this.key = key;
    this.document = document;
    this.names = namesOf(document);
  }

  /** Hosts, and names that are hosts. */
  get hosts(): readonly SearchableHost[] {
    this.#hosts ??= [
      ...valuesOf(this.document, "hosts"),
      ...this.names.filter(({ text }) => text.includes(".")),
    ].map((text) => Object.assign(text, { labels: hostLabels(text.folded) }));
    return this.#hosts;
  }

  get paths(): readonly SearchablePath[] {
    this.#paths ??= valuesOf(this.document, "paths").map((text) =>
      Object.assign(text, { path: parsePath(text.text) }),
    );
    return this.#paths;
  }

  /** Labels and tags. */
  get labels(): readonly SearchableLabel[] {
    const texts = (): readonly SearchableText[] => [
      ...valuesOf(this.document, "labels"),
      ...valuesOf(this.document, "tags"),
    ];
    this.#labels ??= texts().map((text) => Object.assign(text, { valueAt: valueAt(text) }));
    return this.#labels;
  }

  /** What is found only beside a word of the name, or by itself: methods, version, description. */
  get others(): readonly SearchableText[] {
    this.#others ??= [
      ...valuesOf(this.document, "methods"),
      ...valuesOf(this.document, "protocols"),
      ...singleOf("version", this.document.version),
      ...singleOf("description", this.document.description),
    ];
    return this.#others;
  }
}

/** What a person calls an entity, the most usual first. */
export function namesOf(document: EntityDocument): readonly SearchableText[] {
  const { name, instance_name, custom_id, prefix } = document;
  const texts = [
    ...singleOf("name", name),
    ...singleOf("instance_name", instance_name),
    ...singleOf("custom_id", custom_id),
    ...singleOf("prefix", prefix),
  ];
  return texts.filter(
    ({ text }, index) => texts.findIndex((other) => other.text === text) === index,
  );
}

/** Prepares one value. */
function searchableText(field: string, value: string): SearchableText {
  const text = value.length > VALUE_MAX_LENGTH ? value.slice(0, VALUE_MAX_LENGTH) : value;
  const folded = foldText(text);
  const digraphs = foldDigraphs(text);
  const squeezed = squeeze(folded);
  return {
    field,
    text,
    folded,
    squeezed: digraphs === undefined ? [squeezed] : [squeezed, squeeze(digraphs)],
    words: splitWords(text),
  };
}

type ListField = "hosts" | "labels" | "tags" | "paths" | "methods" | "protocols";

function valuesOf(document: EntityDocument, field: ListField): readonly SearchableText[] {
  const values = document[field] ?? [];
  return values.slice(0, VALUES_MAX_COUNT).map((text) => searchableText(field, text));
}

function singleOf(field: string, text: string | undefined): readonly SearchableText[] {
  return text === undefined ? [] : [searchableText(field, text)];
}

/** Tags hold pairs as well: `env:prod`, `env=prod`. */
function valueAt({ text, words }: SearchableText): number {
  const end = text.search(/[=:]/);
  return end < 0 ? 0 : words.findIndex(({ start }) => start > end);
}
