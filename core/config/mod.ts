export { readTokenFile } from "./bearer_token_file.ts";
export { readConfigFile, type ConfigFile, type RawValue } from "./config_file.ts";
export {
  givenSettings,
  resolveSettings,
  unknownVariables,
  type SettingSources,
} from "./resolve.ts";
export { readCredentials } from "./credentials.ts";
export { readTlsFiles } from "./tls_files.ts";
export {
  COMMON_SETTINGS,
  environmentName,
  choicesOf,
  isEnvironmentOnly,
  KAFKA_SECURITY_SETTINGS,
  OPENSEARCH_SECURITY_SETTINGS,
  type Setting,
  type SettingName,
  type Settings,
  SETTINGS,
} from "./settings.ts";
