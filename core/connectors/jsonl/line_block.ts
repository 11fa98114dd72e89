import { BufferPool } from "../../base/buffer_pool.ts";
import { releaseGiant } from "../../base/release_memory.ts";

/** Small ones would have to be taken often. */
const MIN_BLOCK_BYTES = 1024 * 1024;

const NOTHING = Buffer.alloc(0);
const pool = new BufferPool();

/** Memory that lines lie in, used again once nobody needs them any more. */
export class LineBlock {
  readonly bytes: Buffer;
  #usersCount = 1;

  constructor(bytes: number) {
    // Before memory is taken for a giant line: what the one before had is garbage by then.
    releaseGiant(bytes);
    this.bytes = bytes === 0 ? NOTHING : pool.take(Math.max(bytes, MIN_BLOCK_BYTES));
  }

  /** Somebody else needs the bytes as well, until he releases them. */
  use(): void {
    this.#usersCount += 1;
  }

  /** Somebody needs the bytes for ever. */
  keep(): void {
    this.#usersCount = Infinity;
  }

  /** Who made the block, or said that he uses it, does not need it any more. */
  release(): void {
    this.#usersCount -= 1;
    if (this.#usersCount === 0 && this.bytes.length > 0) pool.give(this.bytes);
  }
}
