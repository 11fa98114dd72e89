import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import * as v from "valibot";
import { startServer, type RunningServer } from "../../core/serve/mod.ts";
import { SILENT_LOGGER } from "../../core/observe/observer.ts";
import { eventLine, sampleIndex, type SampleIndex } from "./sample_index.ts";

/**
 * A client of Konnect Search, written after its OpenAPI 1.0.0: it knows Konnect's members alone and
 * passes over others.
 */
const ENTITY = v.object({
  id: v.string(),
  type: v.string(),
  name: v.string(),
  description: v.optional(v.string()),
  labels: v.optional(v.record(v.string(), v.string())),
  relations: v.optional(v.record(v.string(), v.string())),
  attributes: v.optional(v.record(v.string(), v.unknown())),
  match: v.optional(v.string()),
});
const SEARCH = v.object({
  data: v.array(ENTITY),
  meta: v.object({ page: v.object({ size: v.number(), next: v.nullable(v.string()) }) }),
});
const TYPES = v.object({
  data: v.array(
    v.object({
      type: v.string(),
      name: v.string(),
      description: v.string(),
      regions: v.array(v.string()),
      attributes: v.record(
        v.string(),
        v.object({
          type: v.picklist(["string", "number", "boolean", "array"]),
          format: v.optional(v.picklist(["date-time", "uuid", "email"])),
          items: v.optional(v.object({ type: v.string() })),
          name: v.string(),
          description: v.string(),
        }),
      ),
    }),
  ),
});
const BAD_REQUEST = v.object({
  status: v.literal(400),
  title: v.string(),
  detail: v.string(),
  instance: v.string(),
  invalid_parameters: v.array(
    v.object({ field: v.string(), reason: v.string(), source: v.literal("query") }),
  ),
});

let index: SampleIndex;
let server: RunningServer;
beforeAll(async () => {
  const lines = [
    eventLine("c/cp/o/consumer/c0010105-e840-4824-b7ee-787f22267c36", {
      username: "John Smith",
      labels: { env: "prod" },
      created_at: 1_658_999_999,
    }),
    eventLine("c/cp/o/consumer/c0010105-e840-4824-b7ee-787f22267c37", { username: "Johnny Smith" }),
    ...Array.from({ length: 25 }, (_, number) =>
      eventLine(`c/cp/o/service/5f6c0000-0000-4000-8000-0000000000${number + 10}`, {
        name: `sonar-${number}`,
        host: "sonar.example",
      }),
    ),
  ];
  index = await sampleIndex(lines.join(""));
  const listen = { hostname: "127.0.0.1", port: 0 };
  server = startServer({ listen, searcher: index.searcher, log: SILENT_LOGGER });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await index[Symbol.asyncDispose]();
});

async function get(path: string): Promise<unknown> {
  return await (await fetch(new URL(path, server.url))).json();
}

describe("a client of Konnect Search", () => {
  test('finds name:"John Smith", and him alone', async () => {
    const query = encodeURIComponent('name:"John Smith"');
    const { data } = v.parse(SEARCH, await get(`/v1/search?q=${query}`));
    expect(data).toEqual([
      {
        id: "c0010105-e840-4824-b7ee-787f22267c36",
        type: "consumer",
        name: "John Smith",
        labels: { env: "prod" },
        relations: { control_plane_id: "cp" },
        attributes: { control_plane: "cp", created_at: "2022-07-28T09:19:59Z" },
        match: "John Smith",
      },
    ]);
  });

  test("goes from page to page until there is none, and sees everything once", async () => {
    const ids: string[] = [];
    let path: string | null = "/v1/search?q=son&page[size]=10";
    while (path !== null && ids.length < 100) {
      const { data, meta }: v.InferOutput<typeof SEARCH> = v.parse(SEARCH, await get(path));
      ids.push(...data.map(({ id }) => id));
      path = meta.page.next;
      expect(meta.page.size).toBe(10);
    }
    expect(new Set(ids).size).toBe(25);
    expect(ids.length).toBe(25);
  });

  test("reads the types and what can be asked of them", async () => {
    const { data } = v.parse(TYPES, await get("/v1/search/types"));
    expect(data.map(({ type }) => type)).toEqual(["service", "consumer"]);
  });

  test.each(["name:", "a AND", 'name:"x', "NOT", "OR b"])(
    "is told what is wrong with %s",
    async (query) => {
      const error = v.parse(BAD_REQUEST, await get(`/v1/search?q=${encodeURIComponent(query)}`));
      expect(error.invalid_parameters.map(({ field }) => field)).toEqual(["q"]);
    },
  );
});
