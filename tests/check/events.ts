import { NO_TIMESTAMP, type Message } from "../../core/connector/mod.ts";

const PLACEHOLDER = "__debezium_unavailable_value";

/** The key of a service, which every type of index holds. */
export function serviceKey(id: string): string {
  return `c/cp/o/service/${id}`;
}

/** What the index should hold of a service with this name. */
export function serviceDocument(id: string, name: string): object {
  return { type: "service", id, control_plane: "cp", name };
}

export function upsert(sequence: bigint, key: string, name: string, lsn?: number): Message {
  const after = { key, value: { object: { name } } };
  return event(sequence, key, { op: "u", after, source: { lsn } });
}

export function unavailable(sequence: bigint, key: string, op: "c" | "u" = "u"): Message {
  return event(sequence, key, { op, after: { key, value: PLACEHOLDER } });
}

export function deletion(sequence: bigint, key: string): Message {
  return event(sequence, key, { op: "d", before: { key, value: null }, after: null });
}

export function truncation(sequence: bigint, lsn?: number): Message {
  return event(sequence, null, { op: "t", before: null, after: null, source: { lsn } });
}

export function notJson(sequence: bigint, key: string): Message {
  return { ...event(sequence, key, null), value: Buffer.from("not JSON") };
}

function event(sequence: bigint, key: string | null, value: object | null): Message {
  return {
    sequence,
    key: key === null ? null : Buffer.from(key),
    value: Buffer.from(JSON.stringify(value)),
    headers: [],
    timestampMs: NO_TIMESTAMP,
  };
}
