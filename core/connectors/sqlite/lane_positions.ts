import type { Database } from "bun:sqlite";
import type { Lane, LanePosition } from "../../connector/mod.ts";

/** How far each lane is, as the transaction that wrote the data has left it. */
export function lanePositions(database: Database, generation: number): Map<Lane, LanePosition> {
  const rows = database
    .query<{ lane: string; position: string; next_sequence: string }, []>(
      `SELECT lane, position, next_sequence FROM lane_${generation}`,
    )
    .all();
  return new Map(
    rows.map(({ lane, position, next_sequence: nextSequence }) => {
      return [lane, { position, nextSequence: BigInt(nextSequence) }];
    }),
  );
}

/** Moves lanes. Inside the transaction that writes the data. */
export function writeLanePositions(
  database: Database,
  generation: number,
  lanes: ReadonlyMap<Lane, LanePosition>,
): void {
  const write = database.query(
    `INSERT INTO lane_${generation} (lane, position, next_sequence) VALUES (?, ?, ?)
     ON CONFLICT (lane) DO UPDATE
     SET position = excluded.position, next_sequence = excluded.next_sequence`,
  );
  for (const [lane, { position, nextSequence }] of lanes) {
    write.run(lane, position, String(nextSequence));
  }
}
