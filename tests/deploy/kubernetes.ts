import { join } from "node:path";
import { type Invocation, yamlDocuments } from "./invocations.ts";

const FOLDER = "deploy/kubernetes";

/** The files that `kubectl apply -f deploy/kubernetes` takes. */
export const MANIFESTS: readonly string[] = [
  ...new Bun.Glob("*.yaml").scanSync(join(import.meta.dir, "..", "..", FOLDER)),
]
  .toSorted()
  .map((name) => `${FOLDER}/${name}`);

const objects = MANIFESTS.flatMap((path) => yamlDocuments(path));

/** A pod that runs konn, as its controller says. */
export interface Pod {
  readonly name: string;
  readonly spec: any;
  /** Its only container. */
  readonly container: any;
  readonly environment: Readonly<Record<string, string>>;
}

/** The pods of all manifests. */
export function pods(): readonly Pod[] {
  return objects
    .filter(({ spec }) => spec?.template !== undefined)
    .map(({ metadata, spec: { template } }) => {
      const [container] = template.spec.containers;
      const maps = (container.envFrom ?? []).map(({ configMapRef }: any) => configMapRef.name);
      const data = maps.map((name: string) => objectNamed("ConfigMap", name).data);
      const environment = Object.assign({}, ...data);
      return { name: metadata.name, spec: template.spec, container, environment };
    });
}

/** An object of the manifests. Throws when they do not have it. */
export function objectNamed(kind: string, name: string): any {
  const found = objects.find((one) => one.kind === kind && one.metadata.name === name);
  if (found === undefined) throw new Error(`There is no ${kind} ${name}`);
  return found;
}

export function podInvocation({ name, container, environment }: Pod): Invocation {
  return { place: `the pod of ${name}`, args: container.args, environment };
}
