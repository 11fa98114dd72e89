import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { imageConfig } from "./dockerfile.ts";
import {
  checkInvocation,
  codeBlocks,
  type Invocation,
  projectFile,
  shellInvocations,
  yamlDocuments,
} from "./invocations.ts";
import { podInvocation, pods } from "./kubernetes.ts";

const PAGES = ["docs/container.md", "docs/kubernetes.md", "docs/ci.md"];
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
  ...WORKFLOWS.flatMap((path) => shellInvocations(path, projectFile(path))),
  ...PAGES.flatMap((path) => shellInvocations(path, codeBlocks(projectFile(path)))),
];

describe("what starts konn uses it as it is", () => {
  test("every kind of file starts konn", () => {
    expect(WORKFLOWS.length).toBeGreaterThan(1);
    const places = INVOCATIONS.map(({ place }) => place);
    for (const part of ["CMD", "HEALTH", "the service", "the pod", ".github", ...PAGES]) {
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

  test("commands in a script are found wherever they stand", () => {
    const script = `
      konn replay a.jsonl --wait 60s && konn sync \\
        --until-end # to the end
      - run: konn verify > out
      konnect nothing
      echo konn`;
    expect(shellInvocations("a", script).map(({ args }) => args)).toEqual([
      ["replay", "a.jsonl", "--wait", "60s"],
      ["sync", "--until-end"],
      ["verify"],
    ]);
  });

  test.each(PAGES)("every file that %s points to is there", (path) => {
    const links = [...projectFile(path).matchAll(/\]\((?!https?:)([^)#]+)/g)];
    expect(links.length).toBeGreaterThan(0);
    for (const [, link] of links) {
      expect([link, existsSync(`${import.meta.dir}/../../docs/${link}`)]).toEqual([link, true]);
    }
  });
});
