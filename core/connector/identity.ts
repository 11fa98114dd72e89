import { createHash } from "node:crypto";
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

const FINGERPRINT_LENGTH = 12;

/** A short text that is another one for every other identity. */
export function identityFingerprint(identity: Identity): string {
  const facts = Object.entries(identity).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return createHash("sha256")
    .update(JSON.stringify(facts))
    .digest("hex")
    .slice(0, FINGERPRINT_LENGTH);
}
