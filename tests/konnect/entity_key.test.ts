import { expect, test } from "bun:test";
import { parseEntityKey } from "../../core/konnect/entity_key.ts";

test("parseEntityKey() takes a key apart", () => {
  expect(parseEntityKey("c/_global/o/cluster/1")).toEqual({
    controlPlane: "_global",
    type: "cluster",
    id: "1",
  });
  expect(parseEntityKey("c/x/o/服务/网关-🚀")).toEqual({
    controlPlane: "x",
    type: "服务",
    id: "网关-🚀",
  });
  expect(parseEntityKey("c/x/o/key/with/slash/es").id).toBe("with/slash/es");
  expect(parseEntityKey("c/x/o/service/line\nbreak").id).toBe("line\nbreak");
});

test("parseEntityKey() gives any other key the type unknown", () => {
  const keys = ["", " ", "no-slashes", "c//o//", "c/x/o/service/", "c/x/o//1", "C/X/O/SERVICE/1"];
  for (const key of [...keys, "../../_search", "c/x/p/service/1", "/c/x/o/service/1"]) {
    expect(parseEntityKey(key)).toEqual({ type: "unknown", id: key });
  }
});
