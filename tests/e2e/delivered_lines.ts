import { expect } from "bun:test";
import { linesByPartition, type TopicRecord } from "./topic_reader.ts";

/** How often lines came to stand in a topic. */
export interface Delivered {
  /** Records beyond one for each line. */
  readonly repeatsCount: number;
}

/**
 * Expects that every line of a file stands in the topic and nothing else does, and that in each
 * partition the lines appear for the first time in the order of the file. The lines are unique.
 */
export function expectDelivered(
  records: readonly TopicRecord[],
  lines: readonly string[],
): Delivered {
  const placeInFile = new Map(lines.map((line, at) => [line, at]));
  expect(placeInFile.size).toBe(lines.length);
  const partitionOf = new Map<number, number>();
  for (const [partition, values] of linesByPartition(records)) {
    const places = [...new Set(values)].map((value) => placeInFile.get(value) ?? -1);
    expect(places).toEqual(places.toSorted((a, b) => a - b));
    for (const place of places) {
      // A line that went to another partition the second time would be behind later ones there.
      expect(partitionOf.get(place) ?? partition).toBe(partition);
      partitionOf.set(place, partition);
    }
  }
  expect(partitionOf.has(-1)).toBe(false);
  expect(partitionOf.size).toBe(lines.length);
  return { repeatsCount: records.length - lines.length };
}
