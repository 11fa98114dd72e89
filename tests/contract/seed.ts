import { type Message, NO_TIMESTAMP } from "../../core/connector/mod.ts";

/** An event that every connector can hold: its Kafka key is the event's own key. */
export interface Seed {
  readonly key: string;
  readonly value: string;
}

/** The event that makes the service with this number have this name. */
export function seed(number: number, name: string): Seed {
  const id = `00000000-0000-4000-8000-${String(number).padStart(12, "0")}`;
  const key = `c/11111111-1111-4111-8111-111111111111/o/service/${id}`;
  const value = { before: null, after: { key, value: { type: 3, object: { id, name } } } };
  return { key, value: JSON.stringify({ ...value, op: "c", ts_ms: 1_706_812_484_573 }) };
}

/** The first `count` services, each named after its number. */
export function seeds(count: number): Seed[] {
  return Array.from({ length: count }, (_, number) => seed(number, `service ${number}`));
}

/** A seed as a message of a lane. */
export function seedMessage({ key, value }: Seed, sequence: bigint): Message {
  return {
    sequence,
    key: Buffer.from(key),
    value: Buffer.from(value),
    headers: [],
    timestampMs: NO_TIMESTAMP,
  };
}

/** The name in the value of a seed. */
export function seedName(value: Uint8Array | string): string {
  return JSON.parse(Buffer.from(value).toString()).after.value.object.name;
}
