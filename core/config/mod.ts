export { readConfigFile, type ConfigFile, type RawValue } from "./config_file.ts";
export {
  givenSettings,
  resolveSettings,
  unknownVariables,
  type SettingSources,
} from "./resolve.ts";
export {
  COMMON_SETTINGS,
  environmentName,
  type Setting,
  type SettingName,
  type Settings,
  SETTINGS,
} from "./settings.ts";
