import { expect, test } from "bun:test";
import { startFront } from "../services/http_front.ts";
import { TemporaryFolder } from "../fakes/temporary_folder.ts";
import { request } from "./index_reader.ts";
import { konn, serviceEnvironment, uniqueName } from "./konn.ts";
import { seedTopic } from "./topic_reader.ts";

test("status asks the sink as well: nobody answers, an index that is gone, one built anew", async () => {
  using folder = new TemporaryFolder();
  const environment = await serviceEnvironment();
  const front = startFront({
    url: environment["KONN_OPENSEARCH_URL"] ?? "",
    onRequest: () => undefined,
  });
  const context = { cwd: folder.path, environment };
  const name = uniqueName("status");
  await seedTopic(name, [{ key: "a", value: null }], 1);
  const sync = (...flags: string[]) =>
    konn(["sync", "--topic", name, "--index", name, "--until-end", ...flags], context);
  const status = async (...flags: string[]) => {
    const args = ["status", "--topic", name, "--json", ...flags];
    const { exitCode, stdout } = await konn(args, context);
    const { runs } = JSON.parse(stdout);
    return { exitCode, run: runs[0], count: runs.length };
  };

  expect(await sync()).toMatchObject({ exitCode: 0 });
  const well = { sink_problem: null, sink_problem_code: null, can_go_on: true };
  expect(await status()).toMatchObject({ exitCode: 0, run: well, count: 1 });
  // It is not at the address that the credentials are for.
  expect(await status("--opensearch-url", front.url)).toMatchObject({ exitCode: 0, run: well });

  const elsewhere = ["--state-dir", folder.file("elsewhere")];
  expect(await sync("--opensearch-url", front.url, ...elsewhere)).toMatchObject({ exitCode: 0 });
  await front[Symbol.asyncDispose]();
  const away = await status("--opensearch-url", front.url, ...elsewhere);
  expect(away).toMatchObject({ exitCode: 0, run: { lag: 0, can_go_on: true } });
  expect(away.run.sink_problem_code).toBe("OPENSEARCH_UNREACHABLE");

  const other = ["--state-dir", folder.file("other")];
  expect(await sync("--from-beginning", ...other)).toMatchObject({ exitCode: 0 });
  const replaced = await status();
  expect(replaced).toMatchObject({ exitCode: 1, run: { lag: 0, can_go_on: false } });
  expect(replaced.run.sink_problem_code).toBe("INDEX_REPLACED");

  for (const index of Object.keys((await request(`/${name}*`)).body)) {
    await request(`/${index}`, { method: "DELETE" });
  }
  const gone = await status();
  expect(gone).toMatchObject({ exitCode: 1, run: { can_go_on: false } });
  expect(gone.run.sink_problem_code).toBe("INDEX_GONE");
  expect((await konn(["status", "--topic", name], context)).stdout).toContain("  sink          ");
});
