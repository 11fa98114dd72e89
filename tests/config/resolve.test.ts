import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { readConfigFile, resolveSettings, type SettingSources } from "../../core/config/mod.ts";
import { TemporaryFolder } from "../fakes/temporary_folder.ts";
import { thrownBy } from "../fakes/thrown_by.ts";

const NOTHING = { flags: new Map<string, string>(), environment: {} };

function topicOf(sources: SettingSources): readonly string[] {
  return resolveSettings(["topic"], sources).topic;
}

describe("resolveSettings()", () => {
  test("lets flags win over the environment, that over the file, that over defaults", () => {
    const file = { path: "konn.toml", values: new Map([["topic", "file"]]) };
    const environment = { KONN_TOPIC: "environment" };
    const flags = new Map([["topic", "flag"]]);
    expect(topicOf({ flags, environment, file })).toEqual(["flag"]);
    expect(topicOf({ ...NOTHING, environment, file })).toEqual(["environment"]);
    expect(topicOf({ ...NOTHING, file })).toEqual(["file"]);
    expect(topicOf(NOTHING)).toEqual(["cdc-events"]);
  });

  test.each([
    ["wait", "60s", 60_000],
    ["wait", "1.5m", 90_000],
    ["rate", "500/s", 500],
    ["speed", "10x", 10],
    ["limit", "7", 7],
    ["brokers", "a:1, b:2", ["a:1", "b:2"]],
    ["exclude-types", "key,certificate", ["key", "certificate"]],
    ["json", "true", true],
    ["json", "0", false],
  ] as const)("reads %s %s", (name, text, value) => {
    const flags = new Map<string, string>([[name, text]]);
    const values: Record<string, unknown> = resolveSettings([name], { ...NOTHING, flags });
    expect(values[name]).toEqual(value);
  });

  test.each([
    ["wait", "60"],
    ["rate", "fast"],
    ["rate", "0/s"],
    ["speed", "10"],
    ["limit", "0"],
    ["limit", "-1"],
    ["limit", "1e3"],
    ["brokers", "localhost"],
    ["brokers", "a:99999"],
    ["topic", "a b"],
    ["opensearch-url", "localhost:9200"],
    ["index", "Cdc"],
    ["index", "_all"],
    ["compression", "brotli"],
    ["json", "maybe"],
  ] as const)("refuses %s %s and says where it was set and what it takes", (name, text) => {
    const variable = `KONN_${name.toUpperCase().replaceAll("-", "_")}`;
    const environment = { [variable]: text };
    const error = thrownBy(() => resolveSettings([name], { ...NOTHING, environment }));
    expect(error.kind).toBe("usage");
    expect(error.message).toStartWith(`Cannot use ${variable} "${text}": expected `);
  });
});

describe("readConfigFile()", () => {
  const names = { command: "sync", commands: ["sync", "replay"] };

  test("takes the command's own table over the top level and leaves out others", () => {
    using folder = new TemporaryFolder();
    const path = folder.file("konn.toml");
    writeFileSync(
      path,
      'topic = "a"\nlimit = 5\n[sync]\ntopic = ["b", "c"]\n[replay]\njson = true\n',
    );
    const file = readConfigFile(path, names);
    expect([...(file?.values ?? [])]).toEqual([
      ["topic", "b,c"],
      ["limit", "5"],
    ]);
  });

  test.each([
    ["tpoic = 'a'", "Did you mean topic?"],
    ["[snyc]\ntopic = 'a'", "Did you mean sync?"],
    ["topic = {", undefined],
    ["topic = 2020-01-01", undefined],
  ])("refuses %j", (text, hint) => {
    using folder = new TemporaryFolder();
    const path = folder.file("konn.toml");
    writeFileSync(path, text);
    const error = thrownBy(() => readConfigFile(path, names));
    expect(error.kind).toBe("usage");
    expect(error.message).toContain(path);
    if (hint !== undefined) expect(error.hint).toBe(hint);
  });

  test("refuses a named file that is not there", () => {
    expect(thrownBy(() => readConfigFile("/nowhere.toml", names)).code).toBe("CONFIG_UNREADABLE");
  });
});
