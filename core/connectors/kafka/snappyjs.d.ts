/** The part of snappyjs 0.7.0 that konn uses; the package has no types of its own. */
declare module "snappyjs" {
  export function compress(uncompressed: Buffer): Buffer;
  export function uncompress(compressed: Buffer, maxLength?: number): Buffer;
}
