import * as v from "valibot";
import { KonnError } from "../base/errors.ts";
import { suggest } from "../base/suggest.ts";
import type { RawValue } from "./config_file.ts";
import {
  environmentName,
  SETTINGS,
  type Setting,
  type SettingName,
  type Settings,
} from "./settings.ts";

/** Variables of the project's own tests and of its Compose file. */
const OTHER_VARIABLES = /^KONN_(TEST|SERVICES|COMPOSE|MUTATIONS)_/;

/** The places where a setting can be set. The first that has it wins; the default comes last. */
export interface SettingSources {
  readonly flags: ReadonlyMap<string, RawValue>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly file?:
    | { readonly path: string; readonly values: ReadonlyMap<string, RawValue> }
    | undefined;
}

/**
 * Resolves settings by name: flags over environment over file over defaults.
 *
 * @throws KonnError (usage) that names the value, where it was set and what would have been taken
 */
export function resolveSettings<const Name extends SettingName>(
  names: readonly Name[],
  sources: SettingSources,
): Settings<Name> {
  const values = Object.fromEntries(names.map((name) => [name, resolveSetting(name, sources)]));
  // Each value was parsed by the schema of its own name, which the compiler cannot follow.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return values as unknown as Settings<Name>;
}

/** The settings that are set somewhere, and do not merely have their default. */
export function givenSettings(
  names: readonly SettingName[],
  sources: SettingSources,
): ReadonlySet<SettingName> {
  return new Set(names.filter((name) => find(name, sources) !== undefined));
}

/** Variables that look like settings and are none, each with the name that was probably meant. */
export function unknownVariables(
  environment: SettingSources["environment"],
): readonly { readonly name: string; readonly meant: string | undefined }[] {
  const known = Object.keys(SETTINGS).map(environmentName);
  return Object.keys(environment)
    .filter((name) => name.startsWith("KONN_") && !known.includes(name))
    .filter((name) => !OTHER_VARIABLES.test(name))
    .map((name) => ({ name, meant: suggest(name, known) }));
}

function resolveSetting(name: SettingName, sources: SettingSources): unknown {
  const setting: Setting<unknown> = SETTINGS[name];
  const given = find(name, sources);
  const parsed = v.safeParse(setting.schema, given?.value ?? setting.default);
  if (parsed.success) return parsed.output;
  const expected = parsed.issues[0].message;
  throw new KonnError(
    `Cannot use ${given?.place ?? name} ${JSON.stringify(withoutSecrets(given?.value))}: expected ${expected}`,
    {
      code: "SETTING_INVALID",
      kind: "usage",
      hint: `${name}: ${setting.description}.`,
    },
  );
}

/**
 * A value as it may be shown. What stands before an @ may be a password, whatever characters are in
 * it: more is hidden rather than less.
 */
function withoutSecrets(value: RawValue | undefined): RawValue | undefined {
  if (typeof value !== "string") return value;
  return value.replace(/^([a-z]+:\/\/)?.*@/is, (_all, scheme: string = "") => `${scheme}***@`);
}

function find(
  name: string,
  { flags, environment, file }: SettingSources,
): { value: RawValue; place: string } | undefined {
  const flag = flags.get(name);
  if (flag !== undefined) return { value: flag, place: `--${name}` };
  const variable = environment[environmentName(name)];
  if (variable !== undefined && variable !== "") {
    return { value: variable, place: environmentName(name) };
  }
  const line = file?.values.get(name);
  return line === undefined ? undefined : { value: line, place: `${name} in ${file?.path}` };
}
