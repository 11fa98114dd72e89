import type { Identity } from "./mod.ts";

/** Names what differs between two identities, or returns undefined when nothing does. */
export function identityDifference(before: Identity, now: Identity): string | undefined {
  const names = new Set([...Object.keys(before), ...Object.keys(now)]);
  const differing = [...names].filter((name) => before[name] !== now[name]);
  if (differing.length === 0) return undefined;
  return differing
    .map((name) => `${name} was ${before[name] ?? "absent"} and is ${now[name] ?? "absent"}`)
    .join(", ");
}
