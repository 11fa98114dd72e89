import { join } from "node:path";
import * as v from "valibot";
import { isoSeconds } from "./compile.ts";
import type { ReleaseTools } from "./tools.ts";

const ROOT = join(import.meta.dir, "..", "..");

const licenseChoice = v.looseObject({
  expression: v.optional(v.string()),
  license: v.optional(
    v.looseObject({
      id: v.optional(v.string()),
      name: v.optional(v.string()),
      text: v.optional(v.looseObject({ content: v.string() })),
    }),
  ),
});

const componentSchema = v.looseObject({
  name: v.string(),
  group: v.optional(v.string()),
  version: v.string(),
  licenses: v.optional(v.array(licenseChoice), []),
  evidence: v.optional(v.looseObject({ licenses: v.optional(v.array(licenseChoice), []) })),
});

/** The part of a CycloneDX document that is looked at here. */
const documentSchema = v.looseObject({
  metadata: v.looseObject({ component: v.looseObject({ "bom-ref": v.string() }) }),
  components: v.array(componentSchema),
  dependencies: v.array(
    v.looseObject({ ref: v.string(), dependsOn: v.optional(v.array(v.string()), []) }),
  ),
});

/** A package that is part of the binary, and its terms. */
export interface BundledPackage {
  readonly name: string;
  readonly version: string;
  /** SPDX. */
  readonly license: string;
  /** The texts of the files that state it. */
  readonly texts: readonly string[];
}

export interface BillOfMaterials {
  /** CycloneDX 1.6 as JSON. */
  readonly document: string;
  readonly packages: readonly BundledPackage[];
}

export interface BillOptions {
  readonly metafile: Bun.BuildMetafile;
  readonly tools: ReleaseTools;
  /** For files that are of no use afterwards. */
  readonly folder: string;
  /** Said to be the time of the document; left out when null. */
  readonly date: Date | null;
}

/**
 * Lists what the bundler put in, and Bun itself, which no bundler sees. The same build gives the
 * same list. Throws where the list is not valid.
 */
export async function billOfMaterials(options: BillOptions): Promise<BillOfMaterials> {
  const { metafile, tools, folder, date } = options;
  const inputs = join(folder, "metafile.json");
  const output = join(folder, "bom.json");
  await Bun.write(inputs, JSON.stringify(metafile));
  const flags = ["--sv", "1.6", "--gather-license-texts", "--output-reproducible", "--bwd", ROOT];
  tools.run("node_modules/.bin/cyclonedx-esbuild", ...flags, "-o", output, inputs);
  const bom = v.parse(documentSchema, await Bun.file(output).json());
  const packages = bom.components.map(bundledPackage);

  const bun = runtimeComponent();
  bom.components.push(bun);
  const own = bom.metadata.component["bom-ref"];
  bom.dependencies.find(({ ref }) => ref === own)?.dependsOn.push(bun["bom-ref"]);
  bom.dependencies.push({ ref: bun["bom-ref"], dependsOn: [] });
  if (date !== null) bom.metadata["timestamp"] = isoSeconds(date);
  const document = `${JSON.stringify(bom, null, 2)}\n`;
  await Bun.write(output, document);
  tools.run("validate_sbom.mjs", output);
  return { document, packages };
}

function runtimeComponent() {
  return {
    type: "platform",
    "bom-ref": `bun@${Bun.version}`,
    name: "bun",
    version: Bun.version,
    description: "The runtime in the binary, with JavaScriptCore, SQLite and others in it",
    scope: "required",
    licenses: [{ license: { id: "MIT", acknowledgement: "declared" } }],
    purl: `pkg:github/oven-sh/bun@bun-v${Bun.version}`,
  };
}

function bundledPackage(component: v.InferOutput<typeof componentSchema>): BundledPackage {
  const { group, name, version, licenses, evidence } = component;
  const stated = licenses.map(
    ({ expression, license }) => expression ?? license?.id ?? license?.name ?? "unknown",
  );
  const texts = (evidence?.licenses ?? []).flatMap(({ license }) =>
    license?.text ? [Buffer.from(license.text.content, "base64").toString("utf8")] : [],
  );
  return {
    name: group === undefined ? name : `${group}/${name}`,
    version,
    license: stated.join(" AND "),
    texts,
  };
}
