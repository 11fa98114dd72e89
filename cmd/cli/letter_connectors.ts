import { KonnError } from "../../core/base/errors.ts";
import { KAFKA_SECURITY_SETTINGS, OPENSEARCH_SECURITY_SETTINGS } from "../../core/config/mod.ts";
import type { ConnectorOptions } from "../../core/connectors/mod.ts";
import { createRunObserver } from "../../core/observe/observer.ts";
import type { Invocation } from "./declare.ts";
import { connectionSecurity } from "./security.ts";

/** Settings of `konn dead-letters`. */
export const DEAD_LETTER_SETTINGS = [
  "run",
  "limit",
  "content",
  "late",
  "yes",
  "brokers",
  "opensearch-url",
  "skip-types",
  "keep-tombstones",
  ...KAFKA_SECURITY_SETTINGS,
  ...OPENSEARCH_SECURITY_SETTINGS,
] as const;

/** What the actions are called with. */
export type DeadLettersInvocation = Invocation<(typeof DEAD_LETTER_SETTINGS)[number]>;

/** What both ends take from the command line. */
export function letterConnectors({ settings, terminal }: DeadLettersInvocation): ConnectorOptions {
  return {
    // Where a source goes on is no news to whoever asks about single events of it.
    observer: createRunObserver({
      ...terminal.log,
      info: (message, fields) => terminal.log.debug(message, fields),
    }),
    brokers: settings.brokers,
    openSearchUrl: settings["opensearch-url"],
    security: connectionSecurity(settings, settings),
    skipTypes: settings["skip-types"],
    keepTombstonesMs: settings["keep-tombstones"],
  };
}

/** Nobody can read it again. */
export function withoutCheckpoint(name: string): KonnError {
  return new KonnError(`Cannot read the events of ${name} again: no checkpoint says what it read`, {
    code: "CHECKPOINT_MISSING",
    hint: "It read what cannot be read twice (stdin), or its checkpoint was removed. Give it the events once more, then konn dead-letters drop.",
  });
}
