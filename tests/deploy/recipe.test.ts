import { expect, test } from "bun:test";
import { cpSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { KONN, SAMPLE, serviceEnvironment, uniqueName } from "../e2e/konn.ts";
import { TemporaryFolder } from "../fakes/temporary_folder.ts";
import { projectFile, yamlBlock } from "./invocations.ts";

const workflow = yamlBlock(projectFile("docs/ci.md"));

/** What a step of the recipe runs, as GitHub runs it. */
function scriptOf(name: string): string {
  const step = workflow.jobs.search.steps.find((one: any) => one.name === name);
  return step.run;
}

test("the recipe for CI seeds, syncs and verifies, and fails on a line that is no event", async () => {
  using folder = new TemporaryFolder();
  const name = uniqueName("recipe");
  mkdirSync(folder.file("fixtures"));
  cpSync(SAMPLE, folder.file("fixtures/stream.jsonl"));
  const services = await serviceEnvironment();
  const run = async (script: string, own: string) => {
    const child = Bun.spawn(["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script], {
      cwd: folder.path,
      env: {
        PATH: `${dirname(KONN)}:${process.env["PATH"]}`,
        HOME: folder.path,
        ...services,
        KONN_TOPIC: own,
        KONN_INDEX: own,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    return { exitCode: await child.exited, stdout: await child.stdout.text() };
  };

  const seeded = await run(scriptOf("Seed Kafka, sync, verify"), name);
  expect(seeded.exitCode).toBe(0);
  const [replayed = "", synced = ""] = seeded.stdout.split("\n");
  expect(JSON.parse(replayed)).toMatchObject({ events: 726, dead_letters: 0 });
  expect(JSON.parse(synced)).toMatchObject({ events: 726, dead_letters: 0 });
  const search = scriptOf("Test").split(" | ")[0] ?? "";
  const { stdout } = await run(search, name);
  expect(JSON.parse(stdout).total).toBeGreaterThan(0);

  await Bun.write(folder.file("fixtures/stream.jsonl"), "no event\n");
  const failed = await run(scriptOf("Seed Kafka, sync, verify"), `${name}-bad`);
  expect(failed.exitCode).toBe(1);
  const afterwards = await run(scriptOf("What konn made of it"), `${name}-bad`);
  expect(afterwards.stdout).toContain("stream.jsonl");
});
