import { expect, test } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { sinkContract } from "../contract/sink_contract.ts";
import { seedMessage, seedName } from "../contract/seed.ts";
import { TemporaryFolder } from "../fakes/temporary_folder.ts";
import { createFolderSink } from "./folder_sink.ts";

// The connector of docs/writing-a-connector.md keeps the contract like any other.
sinkContract("folder, of the documentation", {
  resumable: true,
  writtenAgain: "once",
  keepsReplaced: false,
  tombstone: "removes",
  undeliverable: (sequence) => seedMessage({ key: "k".repeat(300), value: "{}" }, sequence),
  place: () => {
    const folder = new TemporaryFolder();
    const path = folder.file("out");
    const files = () => readdirSync(path).filter((name) => !name.endsWith(".tmp"));
    return Promise.resolve({
      sink: () => createFolderSink(path),
      contents: () => {
        const texts = files().map((name) => [name, readFileSync(`${path}/${name}`)] as const);
        return Promise.resolve(
          new Map(texts.map(([name, text]) => [decodeURIComponent(name), seedName(text)])),
        );
      },
      entriesCount: () => Promise.resolve(files().length),
      [Symbol.asyncDispose]: () => {
        folder[Symbol.dispose]();
        return Promise.resolve();
      },
    });
  },
});

test("a folder that cannot be made is refused with a hint", () => {
  using folder = new TemporaryFolder();
  writeFileSync(folder.file("a"), "");
  const sink = createFolderSink(folder.file("a/b"));
  const open = () =>
    sink.open({
      stream: { address: "a", identity: {} },
      resume: undefined,
      fromBeginning: false,
      signal: new AbortController().signal,
    });
  expect(open).toThrow("Cannot use the folder");
});
