import { KonnError } from "../../core/base/errors.ts";

/** The only topic of a setting that may name several. */
export function oneTopic(topics: readonly string[]): string {
  const [topic, ...others] = topics;
  if (topic !== undefined && others.length === 0) return topic;
  throw new KonnError(`Cannot write to several topics: ${topics.join(", ")}`, {
    code: "USAGE",
    kind: "usage",
    hint: "Name one topic with --topic.",
  });
}
