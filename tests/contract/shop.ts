import type { Sink } from "../../core/connector/mod.ts";
import { batchOf } from "../fakes/memory_source.ts";
import { seedMessage } from "./seed.ts";

const NEVER = new AbortController().signal;

export const PLANE = "11111111-1111-4111-8111-111111111111";
export const OTHER_PLANE = "22222222-2222-4222-8222-222222222222";

/** An entity as a test writes it down. Null: it is deleted. */
export interface Entity {
  readonly type: string;
  readonly id: string;
  readonly plane?: string;
  readonly object: Readonly<Record<string, unknown>> | null;
}

function keyOf({ type, id, plane = PLANE }: Entity): string {
  return `c/${plane}/o/${type}/${id}`;
}

/** Writes entities as changes, the first of which has this sequence, and commits. */
export async function writeEntities(
  sink: Sink,
  entities: readonly Entity[],
  firstSequence = 0,
): Promise<void> {
  const messages = entities.map((entity, at) => {
    const key = keyOf(entity);
    const row = { key, value: { type: 3, object: entity.object } };
    const change = entity.object
      ? { before: null, after: row, op: "c" }
      : { before: row, after: null, op: "d" };
    const value = JSON.stringify({ ...change, ts_ms: 1 });
    return seedMessage({ key, value }, BigInt(firstSequence + at));
  });
  const batch = batchOf("lane", messages, String(firstSequence + entities.length));
  await sink.write(batch, NEVER);
  await sink.commit?.(new Map([[batch.lane, batch]]));
}

export function service(number: number, name: string, more: object = {}): Entity {
  const id = `00000000-0000-4000-8000-${String(number).padStart(12, "0")}`;
  return { type: "service", id, object: { id, name, ...more } };
}

/** Entities of every kind that a search tells apart. */
export const SHOP: readonly Entity[] = [
  service(1, "orders-api", { host: "orders.shop.example.com", tags: ["env:prod", "team:shop"] }),
  service(2, "orders-api-v2", { host: "orders-v2.shop.example.com", tags: ["env:dev"] }),
  service(3, "payments", { host: "pay.shop.example.com", tags: ["env:prod"] }),
  { ...service(4, "ledger", { tags: ["env:prod"] }), plane: OTHER_PLANE },
  {
    type: "route",
    id: "aaaaaaaa-0000-4000-8000-000000000001",
    object: {
      name: "get-order",
      paths: ["/v1/orders/{id}"],
      methods: ["GET"],
      service: { id: "00000000-0000-4000-8000-000000000001" },
    },
  },
  {
    type: "cluster",
    id: PLANE,
    plane: "_global",
    object: { id: PLANE, name: "production plane" },
  },
  {
    type: "node",
    id: "bbbbbbbb-0000-4000-8000-000000000001",
    object: { hostname: "kong-dp-7f9c", labels: { region: "eu-central-1" }, version: "3.5.0" },
  },
  {
    type: "sni",
    id: "cccccccc-0000-4000-8000-000000000001",
    object: { name: "*.shop.example.com" },
  },
];

/** What means something to SQL, to full-text engines, to OpenSearch, to the query language, or to a terminal. */
export const HOSTILE_PIECES: readonly string[] = [
  ...`' " ;-- DROP TABLE NEAR( ) name: rest: * ^ {name} : AND OR NOT [ \\ orders type:service
  \u0000 \u202e İ ﷺ "orders" -- + {kind} /a/ ~2 _exists_:id`.split(/ +|\n/),
  "[* TO *]",
];
