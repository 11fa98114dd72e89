import type { Database } from "bun:sqlite";
import type { Batch, Lane, Position } from "../../connector/mod.ts";

/** Writes with rejections that are remembered: far more than can be under way at once. */
const REMEMBERED_WRITES_COUNT = 1_000;

/**
 * How far each lane is, kept together with the data.
 *
 * A position that moves with the data moves before the pipeline has put what was rejected on disk.
 * So a write with rejections leaves a note of where its lane stood before. Whoever opens the index
 * again says which write the checkpoint has seen, and lanes go back to where they stood before the
 * first write with rejections behind that one: its messages are read again, and those that were
 * taken are known by their versions.
 */
export class LanePositions {
  readonly #database: Database;
  readonly #number: number;
  /** The number of the last write, as far as it is remembered. */
  lastWrite: number;

  constructor(database: Database, number: number) {
    this.#database = database;
    this.#number = number;
    this.lastWrite = this.#highestNote();
  }

  all(): ReadonlyMap<Lane, Position> {
    const rows = this.#database
      .query<{ lane: string; position: string }, []>(
        `SELECT lane, position FROM lane_${this.#number}`,
      )
      .all();
    return new Map(rows.map(({ lane, position }) => [lane, position]));
  }

  /** Moves the lane of a batch. Inside the transaction that writes it. */
  move({ lane, position }: Batch, isRejecting: boolean): void {
    this.lastWrite += 1;
    if (isRejecting) {
      this.#database
        .query(
          `INSERT INTO rejecting_${this.#number} (write_number, lane, position_before)
           VALUES (?1, ?2, (SELECT position FROM lane_${this.#number} WHERE lane = ?2))`,
        )
        .run(this.lastWrite, lane);
      this.#database
        .query(`DELETE FROM rejecting_${this.#number} WHERE write_number <= ?`)
        .run(this.lastWrite - REMEMBERED_WRITES_COUNT);
    }
    this.#database
      .query(
        `INSERT INTO lane_${this.#number} (lane, position) VALUES (?, ?)
         ON CONFLICT (lane) DO UPDATE SET position = excluded.position`,
      )
      .run(lane, position);
  }

  /** Goes back to before the first write with rejections that the checkpoint has not seen. */
  takeBack(seenWrite: number): void {
    const notes = this.#database
      .query<{ lane: string; position_before: string | null }, [number]>(
        `SELECT lane, position_before FROM rejecting_${this.#number}
         WHERE write_number > ? ORDER BY write_number DESC`,
      )
      .all(seenWrite);
    for (const { lane, position_before: before } of notes) {
      this.#database
        .query(
          before === null
            ? `DELETE FROM lane_${this.#number} WHERE lane = ?1 AND ?2 IS NULL`
            : `UPDATE lane_${this.#number} SET position = ?2 WHERE lane = ?1`,
        )
        .run(lane, before);
    }
    this.#database
      .query(`DELETE FROM rejecting_${this.#number} WHERE write_number > ?`)
      .run(seenWrite);
    this.lastWrite = Math.max(this.lastWrite, seenWrite);
  }

  #highestNote(): number {
    const row = this.#database
      .query<{ highest: number | null }, []>(
        `SELECT max(write_number) AS highest FROM rejecting_${this.#number}`,
      )
      .get();
    return row?.highest ?? 0;
  }
}
