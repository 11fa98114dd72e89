import { beforeAll, afterAll, describe, expect, test } from "bun:test";
import { Validator } from "@seriousme/openapi-schema-validator";
import { Ajv2020 } from "ajv/dist/2020.js";
import { openApiDocument } from "../../core/serve/openapi.ts";
import { asker } from "./asking.ts";
import { sampleIndex, type SampleIndex } from "./sample_index.ts";

let index: SampleIndex;
beforeAll(async () => {
  index = await sampleIndex();
});
afterAll(() => index[Symbol.asyncDispose]());

describe("the OpenAPI document", () => {
  test.each([true, false])("is valid, token needed: %p", async (needsToken) => {
    const result = await new Validator().validate(
      JSON.parse(JSON.stringify(openApiDocument(needsToken))),
    );
    expect(result).toMatchObject({ valid: true });
  });

  test("says whether a token is needed", async () => {
    const open = await asker({ searcher: index.searcher })("/openapi.json");
    expect(open.json.security).toEqual([]);
    const guarded = await asker({ searcher: index.searcher, tokens: ["x".repeat(16)] })(
      "/openapi.json",
    );
    expect(guarded.json.security).toEqual([{ token: [] }]);
  });

  test("describes every answer down to its last member", async () => {
    const ask = asker({ searcher: index.searcher });
    const { json: document } = await ask("/openapi.json");
    const key = (await ask("/v1/search?q=type:route")).json.data[0].key;
    const answers: readonly [path: string, name: string][] = [
      ["/v1/search?q=", "SearchResponse"],
      ["/v1/search?q=gatway", "SearchResponse"],
      ["/v1/search?q=no-such-thing-anywhere", "SearchResponse"],
      ["/v1/search/types", "TypesResponse"],
      [`/v1/entities?key=${encodeURIComponent(key)}`, "EntityResponse"],
      ["/healthz", "Health"],
      ["/v1/search?q=a%20AND", "Error"],
      ["/v1/entities?key=none", "Error"],
    ];
    for (const [path, name] of answers) {
      const { json } = await ask(path);
      expect([path, validate(closed(document), name, json)]).toEqual([path, []]);
    }
    // The check can fail: an answer of another shape does not pass.
    expect(validate(closed(document), "Health", { status: "no" })).not.toEqual([]);
    expect(validate(closed(document), "Health", { status: "ok", more: 1 })).not.toEqual([]);
  });

  test("has every path that answers, and no other", async () => {
    const ask = asker({ searcher: index.searcher });
    const { json } = await ask("/openapi.json");
    for (const path of Object.keys(json.paths)) {
      expect((await ask(`${path}?q=&key=x`)).json.detail).not.toBe(
        "There is nothing at this path.",
      );
    }
  });
});

function validate(document: any, name: string, value: unknown): unknown[] {
  const ajv = new Ajv2020({ strict: false });
  ajv.addSchema({ $id: "doc", ...document });
  const check = ajv.compile({ $ref: `doc#/components/schemas/${name}` });
  return check(value) ? [] : (check.errors ?? []);
}

/** The document with schemas that take no member which they do not name. */
function closed(document: any): any {
  return JSON.parse(JSON.stringify(document), (_name, value) => {
    const isObject = value?.type === "object" && value.properties && !value.additionalProperties;
    return isObject ? { ...value, additionalProperties: false } : value;
  });
}
