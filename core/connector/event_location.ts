/** Where an event stands in its source. */
export interface EventLocation {
  /** The lane's name. */
  readonly lane: string;
  readonly sequence: bigint;
  /** 1-based line, where the source is made of lines. */
  readonly line?: number | undefined;
}
