import { describe, expect, test } from "bun:test";
import { imageConfig } from "./dockerfile.ts";
import {
  checkInvocation,
  type Invocation,
  projectFile,
  scriptInvocations,
  yamlBlock,
  yamlDocuments,
} from "./invocations.ts";
import { podInvocation, pods } from "./kubernetes.ts";

const WORKFLOWS = [
  ...new Bun.Glob(".github/workflows/*.yaml").scanSync({
    cwd: `${import.meta.dir}/../..`,
    dot: true,
  }),
];

function composeInvocations(): readonly Invocation[] {
  const [{ services }] = yamlDocuments("docker-compose.yaml");
  return Object.entries<any>(services)
    .filter(([, { image }]) => image === "konn:local")
    .map(([name, { command, environment }]) => ({
      place: `the service ${name}`,
      // The shell form of a variable's default is what stands there when it is not set.
      args: command.map((word: string) => word.replaceAll(/\$\{\w+:-([^}]*)\}/g, "$1")),
      environment,
    }));
}

function imageInvocations(): readonly Invocation[] {
  const { command, healthcheck, environment } = imageConfig();
  return [
    { place: "CMD", args: command, environment: konnVariables(environment) },
    { place: "HEALTHCHECK", args: healthcheck.slice(1), environment: konnVariables(environment) },
  ];
}

function konnVariables(environment: Readonly<Record<string, string>>) {
  return Object.fromEntries(
    Object.entries(environment).filter(([name]) => name.startsWith("KONN_")),
  );
}

const INVOCATIONS: readonly Invocation[] = [
  ...imageInvocations(),
  ...composeInvocations(),
  ...pods().map(podInvocation),
  ...WORKFLOWS.flatMap((path) => scriptInvocations(path, yamlDocuments(path)[0])),
  ...scriptInvocations("docs/ci.md", yamlBlock(projectFile("docs/ci.md"))),
];

describe("what starts konn uses it as it is", () => {
  test("every kind of file starts konn", () => {
    expect(WORKFLOWS.length).toBeGreaterThan(1);
    const places = INVOCATIONS.map(({ place }) => place);
    for (const part of ["CMD", "HEALTH", "the service", "the pod", ".github", "docs/ci.md"]) {
      expect(places).toContainEqual(expect.stringContaining(part));
    }
  });

  test.each(INVOCATIONS.map((one): [string, Invocation] => [one.place, one]))(
    "%s",
    async (_place, invocation) => {
      await checkInvocation(invocation);
    },
  );

  test.each([
    ["a flag", ["sync", "--gruop", "a"], {}, "--gruop"],
    ["a value", ["sync", "--wait", "soon"], {}, "--wait"],
    ["a variable", ["sync"], { KONN_TOPC: "a" }, "KONN_TOPC"],
    ["a value of a variable", ["sync"], { KONN_LISTEN: "a:b:c" }, "KONN_LISTEN"],
    ["a command", ["snyc"], {}, "snyc"],
  ])("%s that konn does not know is found", async (_what, args, environment, told) => {
    const place = "here";
    const fault = await checkInvocation({ place, args, environment }).catch(String);
    expect(fault).toContain(told);
  });

  test("calls in a script are found wherever they stand", () => {
    const run = `
      konn replay a.jsonl --wait 60s && konn sync \\
        --until-end --topic "a,b" # to the end
      konn verify > out
      konnect nothing
      echo konn`;
    const found = scriptInvocations("a", { jobs: { one: { steps: [{ run }, { uses: "b" }] } } });
    expect(found.map(({ args }) => args)).toEqual([
      ["replay", "a.jsonl", "--wait", "60s"],
      ["sync", "--until-end", "--topic", "a,b"],
      ["verify"],
    ]);
  });
});
