import type { Logger } from "../../observe/observer.ts";

/** Lines that are named; of the others only the number is told. */
const MAX_NAMED_COUNT = 10;

/** Remembers which lines can hold a secret, and says so: at the first one, and at the end of all. */
export class SecretLines {
  readonly #canHold: (type: string) => boolean;
  readonly #log: Logger;
  readonly #types = new Set<string>();
  readonly #named: number[] = [];
  #count = 0;

  constructor(canHold: (type: string) => boolean, log: Logger) {
    this.#canHold = canHold;
    this.#log = log;
  }

  /** Looks at a line that will be delivered as it is. */
  see(type: string, line: number): void {
    if (!this.#canHold(type)) return;
    this.#types.add(type);
    this.#count += 1;
    if (this.#named.length < MAX_NAMED_COUNT) this.#named.push(line);
    if (this.#count > 1) return;
    this.#log.warn(`Line ${line} can hold a secret, and is delivered as it is`, {
      type,
      hint: `Leave such events out with --exclude-types ${type}`,
    });
  }

  /** Nothing more will come. */
  sum(): void {
    if (this.#count <= 1) return;
    const more = this.#count > this.#named.length ? ", ..." : "";
    this.#log.warn(`${this.#count} lines can hold secrets, and were delivered as they are`, {
      lines: `${this.#named.join(", ")}${more}`,
      hint: `Leave such events out with --exclude-types ${[...this.#types].toSorted().join(",")}`,
    });
  }
}
