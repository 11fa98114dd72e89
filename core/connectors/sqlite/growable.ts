/** A column of numbers that grows by doubling. */
export class Column<Numbers extends Uint8Array | Uint32Array | Int32Array> {
  /** Longer than {@link length}; only what lies below that counts. */
  values: Numbers;
  length = 0;
  readonly #make: (length: number) => Numbers;

  constructor(make: (length: number) => Numbers) {
    this.#make = make;
    this.values = make(1_024);
  }

  push(value: number): void {
    if (this.length === this.values.length) this.reserve(1);
    this.values[this.length] = value;
    this.length += 1;
  }

  append(values: Numbers): void {
    this.reserve(values.length);
    this.values.set(values, this.length);
    this.length += values.length;
  }

  reserve(count: number): void {
    const needed = this.length + count;
    if (needed <= this.values.length) return;
    const larger = this.#make(Math.max(needed, this.values.length * 2));
    larger.set(this.values.subarray(0, this.length));
    this.values = larger;
  }
}

export const bytes = (length: number): Uint8Array => new Uint8Array(length);
export const numbers = (length: number): Uint32Array => new Uint32Array(length);
export const bits = (length: number): Int32Array => new Int32Array(length);
