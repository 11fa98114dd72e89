// Says whether a file is a CycloneDX 1.6 document: bun validate_sbom.mjs FILE
import { Spec, Validation } from "@cyclonedx/cyclonedx-library";

const validator = new Validation.JsonStrictValidator(Spec.Version.v1dot6);
const fault = await validator.validate(await Bun.file(process.argv[2]).text());
if (fault !== null) {
  process.stderr.write(`${JSON.stringify(fault, null, 2)}\n`);
  process.exit(1);
}
