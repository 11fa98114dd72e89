import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import { dateTimeOf } from "./entity_date.ts";
import { cutKeyword, keywordOf } from "./entity_text.ts";

/**
 * Takes named fields out of an entity and counts what it could not use. A null, an empty text and
 * an empty list are the same as no field at all.
 */
export class FieldReader {
  droppedCount = 0;
  readonly #object: JsonObject;

  constructor(object: JsonObject) {
    this.#object = object;
  }

  /** The first of these fields that holds a text. */
  text(names: readonly string[]): string | undefined {
    for (const name of names) {
      const text = this.#keyword(this.#object[name]);
      if (text !== undefined) return text;
    }
    return undefined;
  }

  /** The texts of all these fields, each a list of texts or a single one. */
  texts(names: readonly string[]): string[] | undefined {
    if (names.length === 0) return undefined;
    const texts: string[] = [];
    for (const name of names) {
      const value = this.#object[name];
      if (Array.isArray(value)) {
        for (const item of value) this.#append(texts, item);
      } else if (value !== undefined) {
        this.#append(texts, value);
      }
    }
    return texts.length === 0 ? undefined : texts;
  }

  /** An object of texts as `k=v`, in its order. */
  pairs(name: string): string[] | undefined {
    const value = this.#object[name];
    if (!isJsonObject(value)) return this.texts([name]);
    const pairs: string[] = [];
    for (const [label, item] of Object.entries(value)) {
      const text = item === "" ? "" : this.#keyword(item);
      if (text !== undefined) pairs.push(cutKeyword(`${label}=${text}`.toWellFormed()));
    }
    return pairs.length === 0 ? undefined : pairs;
  }

  /** The id in the first of these fields that refers to another entity. */
  reference(names: readonly string[]): string | undefined {
    for (const name of names) {
      const value = this.#object[name];
      const id = this.#keyword(isJsonObject(value) ? (value["id"] ?? value) : value);
      if (id !== undefined) return id;
    }
    return undefined;
  }

  flag(name: string): boolean | undefined {
    const value = this.#object[name];
    if (value === true || value === "true") return true;
    if (value === false || value === "false") return false;
    this.#countUnlessEmpty(value);
    return undefined;
  }

  dateTime(name: string): string | undefined {
    const value = this.#object[name];
    const dateTime = dateTimeOf(value);
    if (dateTime === undefined) this.#countUnlessEmpty(value);
    return dateTime;
  }

  #append(texts: string[], value: JsonValue): void {
    const text = this.#keyword(value);
    if (text !== undefined) texts.push(text);
  }

  #keyword(value: JsonValue | undefined): string | undefined {
    const text = keywordOf(value);
    if (text === undefined) this.#countUnlessEmpty(value);
    return text;
  }

  #countUnlessEmpty(value: JsonValue | undefined): void {
    if (value !== undefined && value !== null && value !== "") this.droppedCount += 1;
  }
}
