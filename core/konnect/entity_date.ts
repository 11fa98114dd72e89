import type { JsonValue } from "../base/json.ts";

/** 9999-12-31T23:59:59Z, the last second that RFC 3339 can write. */
const LAST_SECOND = 253_402_300_799;

const MS_PER_SECOND = 1000;

const DATE_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/;

/**
 * A time of an entity as RFC 3339 in UTC, or undefined where it is none. Entities hold seconds
 * since 1970; a number too large for that is taken as milliseconds. A date-time stays one.
 */
export function dateTimeOf(value: JsonValue | undefined): string | undefined {
  const timeMs = typeof value === "number" ? epochMs(value) : textMs(value);
  if (timeMs === undefined || timeMs < 0 || timeMs > LAST_SECOND * MS_PER_SECOND) return undefined;
  return new Date(timeMs).toISOString().replace(".000Z", "Z");
}

function epochMs(time: number): number | undefined {
  if (!Number.isFinite(time)) return undefined;
  return Math.trunc(time > LAST_SECOND ? time : time * MS_PER_SECOND);
}

function textMs(value: JsonValue | undefined): number | undefined {
  if (typeof value !== "string") return undefined;
  if (/^\d+(\.\d+)?$/.test(value)) return epochMs(Number(value));
  const timeMs = DATE_TIME.test(value) ? Date.parse(value) : Number.NaN;
  return Number.isNaN(timeMs) ? undefined : timeMs;
}
