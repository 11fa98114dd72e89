import type { Lane } from "./mod.ts";

/** Where an event stands in its source. */
export interface EventLocation {
  readonly lane: Lane;
  readonly sequence: bigint;
  /** 1-based line, where the source is made of lines. */
  readonly line?: number | undefined;
}
