import { outputError } from "../../base/output_errors.ts";
import type { Batch, Sink, SinkOpening, WriteReport } from "../../connector/mod.ts";
import { formatBatch } from "./format_lines.ts";
import type { LineFormat } from "./position.ts";

/** Writes lines to stdout, at the pace of whoever reads it. Cannot be resumed. */
export class StdoutSink implements Sink {
  readonly #format: LineFormat;
  #tail: Promise<void> = Promise.resolve();

  constructor(format: LineFormat) {
    this.#format = format;
  }

  address(): Promise<string> {
    return Promise.resolve("stdout");
  }

  open(): Promise<SinkOpening> {
    return Promise.resolve({ identity: {}, state: undefined });
  }

  async write(batch: Batch): Promise<WriteReport> {
    const { bytes, report } = formatBatch(batch, this.#format);
    this.#tail = this.#tail.then(() => writeToStdout(bytes));
    await this.#tail;
    return report;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

/** Resolves when the bytes were taken. Awaiting it is what keeps a slow reader from filling memory. */
async function writeToStdout(bytes: Buffer): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  process.stdout.once("error", reject);
  process.stdout.write(bytes, (error) => (error ? reject(error) : resolve()));
  try {
    await promise;
  } catch (cause) {
    throw outputError(cause);
  } finally {
    process.stdout.off("error", reject);
  }
}
