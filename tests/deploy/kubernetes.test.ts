import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, chownSync, cpSync, writeFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import packageJson from "../../package.json" with { type: "json" };
import { konn, resultOf, SAMPLE, serviceEnvironment, uniqueName } from "../e2e/konn.ts";
import { eventually } from "../e2e/waiting.ts";
import { freePort } from "../services/ports.ts";
import { CAN_RUN_CONTAINERS, Container, firstProcess } from "./container.ts";
import { objectNamed, type Pod, pods } from "./kubernetes.ts";

const PORT = 7_700;

describe.each(pods().map((pod): [string, Pod] => [pod.name, pod]))("the pod of %s", (name, pod) => {
  const { spec, container } = pod;

  test("is of this version, is nobody, and may write only to its volumes", () => {
    expect(container.image).toEndWith(`/konn:${packageJson.version}`);
    expect(spec.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 65_532 });
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    });
    expect(spec.automountServiceAccountToken).toBe(false);
    expect(container.resources.limits.memory).toMatch(/^\d+Mi$/);
  });

  test("has each file that a setting of its command names", () => {
    const volumes = new Map<string, any>(spec.volumes.map((one: any) => [one.name, one]));
    const mounts: readonly any[] = container.volumeMounts;
    // serve takes no notice of the settings for Kafka, which it shares a ConfigMap with.
    const isUsed = (variable: string) => name === "konn-sync" || !variable.includes("KAFKA");
    const files = Object.entries(pod.environment)
      .filter(([variable]) => variable.endsWith("_FILE") && isUsed(variable))
      .map(([, path]) => path)
      .concat(container.args.filter((word: string) => word.startsWith("/etc/")));
    expect(files.length).toBeGreaterThanOrEqual(2);
    for (const file of files) {
      const mount = mounts.find(({ mountPath }) => file.startsWith(`${mountPath}/`));
      const items: readonly any[] | undefined = volumes.get(mount?.name)?.secret?.items;
      const paths = items?.map(({ path }) => `${mount.mountPath}/${path}`) ?? [file];
      expect([file, mount?.readOnly, paths]).toEqual([file, true, expect.arrayContaining([file])]);
    }
  });

  test("its Service and its budget select it, and nothing else", () => {
    const labels = {
      "app.kubernetes.io/name": "konn",
      "app.kubernetes.io/component": name.slice(5),
    };
    expect(objectNamed("Service", name).spec.selector).toEqual(labels);
    expect(objectNamed("PodDisruptionBudget", name).spec.selector.matchLabels).toEqual(labels);
  });
});

describe.skipIf(!CAN_RUN_CONTAINERS)("a pod that runs", () => {
  const name = uniqueName("pod");
  let container: Container;
  let environment: Record<string, string>;
  let port: number;
  beforeAll(async () => {
    container = new Container();
    port = await freePort();
    environment = { ...(await serviceEnvironment()), KONN_TOPIC: name, KONN_INDEX: name };
    const options = { cwd: container.data.path, environment };
    cpSync(SAMPLE, container.data.file("stream.jsonl"));
    for (const args of [
      ["replay", "stream.jsonl"],
      ["sync", "--until-end"],
    ]) {
      expect(await konn(args, options)).toMatchObject({ exitCode: 0 });
    }
    const tokens = container.data.file("tokens");
    writeFileSync(tokens, "a-token-of-thirty-two-characters");
    chownSync(tokens, 0, container.config.gid);
    chmodSync(tokens, 0o440);
  });
  afterAll(() => container[Symbol.dispose]());

  /** As a kubelet asks: at the pod's own address. */
  async function probe({ httpGet }: any): Promise<number | undefined> {
    const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
    const own = addresses.find(({ internal, family }) => !internal && family === "IPv4");
    const url = `http://${own?.address ?? "127.0.0.1"}:${port}${httpGet.path}`;
    return await fetch(url).then(
      ({ status }) => status,
      () => undefined,
    );
  }

  /** Tests share a machine: no port is theirs. */
  function elsewhere(word: string): string {
    return word.replace(`:${PORT}`, `:${port}`).replace("/etc/konn/secrets/", "/data/");
  }

  test.each(pods().map((pod): [string, Pod] => [pod.name, pod]))(
    "%s becomes ready by its probes, and ends in time",
    async (_name, pod) => {
      const { args, readinessProbe, livenessProbe, ports } = pod.container;
      expect(ports[0]).toEqual({ name: "http", containerPort: PORT });
      const group = args.map((word: string) => (word === "search" ? name : word));
      const child = container.run(group.map(elsewhere), { environment });
      await eventually(async () => (await probe(readinessProbe)) === 200);
      if (livenessProbe.httpGet) expect(await probe(livenessProbe)).toBe(200);
      const startedMs = performance.now();
      process.kill(firstProcess(child), "SIGTERM");
      const { exitCode, stderr } = await resultOf(child);
      expect([exitCode, stderr]).toEqual([0, expect.not.stringContaining('"error"')]);
      const graceMs = pod.spec.terminationGracePeriodSeconds * 1_000;
      expect(performance.now() - startedMs).toBeLessThan(graceMs);
    },
  );
});
