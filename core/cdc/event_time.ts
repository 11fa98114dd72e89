import type { Message } from "../connector/mod.ts";

/**
 * When an event happened, in milliseconds since 1970: the `ts_ms` of its envelope, wrapped in
 * `{schema, payload}` or not. Undefined for anything else.
 */
export function eventTimeMs({ value }: Pick<Message, "value">): number | undefined {
  if (value === null) return undefined;
  try {
    const event: unknown = JSON.parse(Buffer.from(value).toString());
    return timeOf(event) ?? timeOf(fieldOf(event, "payload"));
  } catch {
    return undefined;
  }
}

function timeOf(envelope: unknown): number | undefined {
  const time = Number(fieldOf(envelope, "ts_ms"));
  return Number.isFinite(time) && time > 0 ? time : undefined;
}

function fieldOf(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  return Object.getOwnPropertyDescriptor(value, name)?.value;
}
