import { isJsonObject, type JsonValue } from "../base/json.ts";

/** Levels of objects and arrays that a record may have; PostgreSQL itself allows far more. */
const NESTING_MAX_COUNT = 64;

/** Digits that an integer may have and still be kept exactly: the cost is quadratic in them. */
const EXACT_DIGITS_MAX_COUNT = 512;

const INTEGER = /^-?\d+$/;

export type ParsedJson =
  | { readonly ok: true; readonly value: JsonValue }
  | { readonly ok: false; readonly problem: "not_json" | "too_deep" };

/** Parses fast and inexactly: see {@link parseJsonExactly}. Never throws. */
export function parseJson(text: string): ParsedJson {
  return parseWith(text, undefined);
}

/**
 * As {@link parseJson}, but integers beyond 2^53 come out as bigint. Seven times slower, so only
 * for a text that was found to hold one ({@link hasInexactNumber}).
 */
export function parseJsonExactly(text: string): ParsedJson {
  return parseWith(text, reviveInteger);
}

/** A jsonb number is exact at any length; a double holds integers up to 2^53 only. */
export function hasInexactNumber(value: JsonValue | undefined): boolean {
  if (typeof value === "number") return isInexact(value);
  if (typeof value !== "object" || value === null) return false;
  if (Array.isArray(value)) return value.some(hasInexactNumber);
  for (const name in value) {
    if (hasInexactNumber(value[name])) return true;
  }
  return false;
}

/**
 * What the JsonConverter wraps as `{schema, payload}` when its schemas are on, and everything
 * else as it came. Key and value have converters of their own, so each is unwrapped alone.
 */
export function unwrapSchema(value: JsonValue | undefined): JsonValue | undefined;
export function unwrapSchema(value: unknown): unknown;
export function unwrapSchema(value: unknown): unknown {
  if (!isJsonObject(value) || value["payload"] === undefined) return value;
  return value["schema"] === undefined ? value : value["payload"];
}

type Reviver = (name: string, value: JsonValue, context?: { source?: string }) => JsonValue;

function parseWith(text: string, reviver: Reviver | undefined): ParsedJson {
  let value: JsonValue;
  try {
    value = JSON.parse(text, reviver);
  } catch {
    return { ok: false, problem: "not_json" };
  }
  return isDeeperThan(value, NESTING_MAX_COUNT)
    ? { ok: false, problem: "too_deep" }
    : { ok: true, value };
}

function isDeeperThan(value: JsonValue | undefined, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (levels === 0) return true;
  if (Array.isArray(value)) return value.some((item) => isDeeperThan(item, levels - 1));
  for (const name in value) {
    if (isDeeperThan(value[name], levels - 1)) return true;
  }
  return false;
}

function isInexact(value: number): boolean {
  return !Number.isSafeInteger(value) && (Number.isInteger(value) || !Number.isFinite(value));
}

function reviveInteger(_name: string, value: JsonValue, context?: { source?: string }): JsonValue {
  if (typeof value !== "number" || !isInexact(value)) return value;
  const source = context?.source ?? "";
  const isExactable = source.length <= EXACT_DIGITS_MAX_COUNT && INTEGER.test(source);
  return isExactable ? BigInt(source) : value;
}
