import { expect, test } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { TemporaryFolder } from "../fakes/temporary_folder.ts";

const MODULE = `${import.meta.dir}/../../core/base/atomic_file.ts`;

test.if(process.platform === "linux")(
  "writeFileAtomically() keeps the old file when there is no room for the new one",
  () => {
    using folder = new TemporaryFolder();
    const path = folder.file("checkpoint.json");
    writeFileSync(path, "old");
    const script = folder.file("write.ts");
    writeFileSync(
      script,
      `import { writeFileAtomically } from ${JSON.stringify(MODULE)};
       writeFileAtomically(${JSON.stringify(path)}, "x".repeat(100_000));`,
    );
    // A limit on the size of files cuts a write short, as a disk does that is nearly full.
    const limited = `trap '' XFSZ; ulimit -f 4; "${process.execPath}" ${script}`;
    expect(Bun.spawnSync(["bash", "-c", limited]).exitCode).not.toBe(0);
    expect(readFileSync(path, "utf8")).toBe("old");
    expect(readdirSync(folder.path).toSorted()).toEqual(["checkpoint.json", "write.ts"]);
  },
);
