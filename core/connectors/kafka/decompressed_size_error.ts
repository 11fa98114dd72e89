/** Compressed bytes hold more than the reader is willing to unpack. */
export class DecompressedSizeError extends Error {
  constructor(maxBytes: number) {
    super(`the compressed bytes hold more than ${maxBytes} bytes`);
    this.name = "DecompressedSizeError";
  }
}
