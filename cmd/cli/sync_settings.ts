import {
  KAFKA_SECURITY_SETTINGS,
  OPENSEARCH_SECURITY_SETTINGS,
  type SettingName,
} from "../../core/config/mod.ts";
import { HEALTH_SETTINGS } from "./health.ts";
import { TRANSFER_SETTINGS } from "./transfer.ts";

/** The settings of `konn sync`, which the commands that ask about it take as well. */
export const SYNC_SETTINGS = [
  "brokers",
  "topic",
  "opensearch-url",
  "index",
  "group",
  "from-beginning",
  "accept-loss",
  "keep",
  "until-end",
  "skip-types",
  "on-truncate",
  "keep-tombstones",
  "dry-run",
  ...HEALTH_SETTINGS,
  ...KAFKA_SECURITY_SETTINGS,
  ...OPENSEARCH_SECURITY_SETTINGS,
  ...TRANSFER_SETTINGS,
] as const satisfies readonly SettingName[];
