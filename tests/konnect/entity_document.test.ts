import { describe, expect, test } from "bun:test";
import { entityDocument } from "../../core/konnect/entity_document.ts";
import type { RowValue } from "../../core/cdc/change.ts";
import type { JsonObject } from "../../core/base/json.ts";

const KEY = "c/cp/o/service/id";

function documentOf(object: JsonObject, key = KEY) {
  return entityDocument(key, { type: 3, object });
}

function nameOf(type: string, object: JsonObject): string | undefined {
  return documentOf(object, `c/cp/o/${type}/id`).document.name;
}

function timeOf(time: string | number): string | undefined {
  return documentOf({ created_at: time }).document.created_at;
}

describe("entityDocument() takes", () => {
  test("type, id and control plane from the key, never from the object", () => {
    const object = { id: "other", type: "other", control_plane: "other" };
    expect(documentOf(object).document).toEqual({ type: "service", id: "id", control_plane: "cp" });
  });

  test("nothing else of a row without object", () => {
    const rows: RowValue[] = [null, true, 42, "text", [], {}, { object: null }, { object: "x" }];
    for (const row of rows) {
      expect(entityDocument(KEY, row)).toEqual({
        document: { type: "service", id: "id", control_plane: "cp" },
        droppedFields: 0,
      });
    }
  });

  test("the first name that is there", () => {
    expect(nameOf("node", { name: "n", hostname: "h" })).toBe("h");
    expect(nameOf("node", { name: "n" })).toBe("n");
    expect(nameOf("consumer", { username: null, custom_id: "c" })).toBe("c");
    expect(nameOf("consumer", { username: "", custom_id: "c" })).toBe("c");
    expect(nameOf("target", { name: "n", target: "t:80" })).toBe("t:80");
    expect(nameOf("plugin", { name: "cors", instance_name: "i" })).toBe("cors");
    expect(nameOf("basic-auth", { username: "u" })).toBe("u");
  });

  test("second names and methods, of the types that have them", () => {
    const object = { name: "n", custom_id: "c", instance_name: "i", prefix: "p", methods: ["GET"] };
    const extraOf = (type: string): object => {
      const { document } = documentOf(object, `c/cp/o/${type}/id`);
      const { custom_id, instance_name, prefix, methods } = document;
      return { custom_id, instance_name, prefix, methods };
    };
    expect(extraOf("consumer")).toEqual({ custom_id: "c" });
    expect(extraOf("plugin")).toEqual({ instance_name: "i" });
    expect(extraOf("vault")).toEqual({ prefix: "p" });
    expect(extraOf("route")).toEqual({ methods: ["GET"] });
    expect(extraOf("service")).toEqual({});
  });

  test("nothing of a node that changes with every heartbeat", () => {
    const node = { hostname: "h", created_at: 1, config_hash: "a", last_ping: 2, updated_at: 2 };
    const key = "c/cp/o/node/id";
    expect(documentOf({ ...node, config_hash: "b", last_ping: 9, updated_at: 9 }, key)).toEqual(
      documentOf(node, key),
    );
    expect(documentOf(node, key).document).not.toHaveProperty("updated_at");
  });

  test("name and tags of a type that it does not know, and of a key of another shape", () => {
    const object = {
      name: "n",
      tags: ["t"],
      labels: { a: "b" },
      created_at: 1,
      service: { id: "s" },
    };
    expect(documentOf(object, "c/cp/o/brand-new/id").document).toEqual({
      type: "brand-new",
      id: "id",
      control_plane: "cp",
      name: "n",
      tags: ["t"],
    });
    for (const key of ["no-slashes", "C/X/O/SERVICE/case", "c//o//", "c/cp/o/service/"]) {
      expect(documentOf(object, key).document).toEqual({
        type: "unknown",
        id: key,
        name: "n",
        tags: ["t"],
      });
    }
    expect(documentOf(object, "c/cp/o/constructor/id").document.type).toBe("constructor");
  });

  test("the parent that is there, by its id", () => {
    const key = "c/cp/o/plugin/id";
    const plugin = { route: null, service: { id: "s" }, consumer: { id: "c" } };
    expect(documentOf(plugin, key).document.parent).toBe("s");
    expect(documentOf({ ...plugin, route: { id: "r" } }, key).document.parent).toBe("r");
    expect(documentOf({ service: "s" }, key).document.parent).toBe("s");
  });
});

describe("entityDocument() turns a value of the wrong kind", () => {
  test("into text, where it has one", () => {
    const object = { name: 12345, tags: "not-a-list", path: true, host: 9007199254740993n };
    expect(documentOf(object)).toEqual({
      document: {
        type: "service",
        id: "id",
        control_plane: "cp",
        name: "12345",
        hosts: ["9007199254740993"],
        paths: ["true"],
        tags: ["not-a-list"],
      },
      droppedFields: 0,
    });
  });

  test("into nothing and a count, where it has none", () => {
    const object = {
      name: { weird: "object name" },
      tags: ["kept", {}, null],
      labels: { "a.b": { c: 1 }, env: "prod", n: 1, empty: "", none: null },
      enabled: "perhaps",
      created_at: "yesterday",
      updated_at: [],
    };
    expect(documentOf(object)).toEqual({
      document: {
        type: "service",
        id: "id",
        control_plane: "cp",
        tags: ["kept"],
        labels: ["env=prod", "n=1", "empty="],
      },
      droppedFields: 6,
    });
  });

  test("into no lone surrogate", () => {
    expect(documentOf({ name: "a\uD800b" }).document.name).toBe("a\uFFFDb");
  });
});

describe("entityDocument() writes times as RFC 3339", () => {
  test("from seconds, milliseconds and texts", () => {
    expect(timeOf(1706812479)).toBe("2024-02-01T18:34:39Z");
    expect(timeOf(1706812479.25)).toBe("2024-02-01T18:34:39.250Z");
    expect(timeOf(1706812479250)).toBe("2024-02-01T18:34:39.250Z");
    expect(timeOf("1706812479")).toBe("2024-02-01T18:34:39Z");
    expect(timeOf("2024-02-01T20:34:39+02:00")).toBe("2024-02-01T18:34:39Z");
    expect(timeOf(0)).toBe("1970-01-01T00:00:00Z");
  });

  test("and leaves out what is none", () => {
    for (const time of [
      -1,
      Number.POSITIVE_INFINITY,
      1e300,
      "infinity",
      "2024-02-01",
      "9999-99-99T00:00:00Z",
    ]) {
      expect(timeOf(time)).toBeUndefined();
    }
  });
});

test("entityDocument() cuts keywords at 8 KiB of UTF-8, between two code points", () => {
  expect(nameOf("service", { name: "x".repeat(8192) })).toBe("x".repeat(8192));
  expect(nameOf("service", { name: "x".repeat(8193) })).toBe("x".repeat(8192));
  expect(nameOf("service", { name: `x${"超".repeat(4000)}` })).toBe(`x${"超".repeat(2730)}`);
  expect(nameOf("service", { name: `xx${"🚀".repeat(4000)}` })).toBe(`xx${"🚀".repeat(2047)}`);
  const { tags, labels } = documentOf({
    tags: ["y".repeat(9000)],
    labels: { k: "z".repeat(9000) },
  }).document;
  expect(tags).toEqual(["y".repeat(8192)]);
  expect(labels).toEqual([`k=${"z".repeat(8190)}`]);
});
