import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { VERSION } from "../base/version.ts";
import type { BulkRequest, RunLag } from "../observe/run_meter.ts";

/** From a bulk on an idle machine to one that nearly timed out (60 s). */
const SECONDS_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
/** Up to the largest bulk that konn sends, 8 MiB and one document of 16 MiB. */
const BYTES_BUCKETS = [1, 4, 16, 64, 256, 1_024, 4_096, 8_192, 16_384].map((kib) => kib * 1_024);
/** Up to the most documents of a bulk. */
const DOCUMENTS_BUCKETS = [1, 10, 50, 100, 500, 1_000, 2_500, 5_000];

const MS_PER_SECOND = 1_000;
const MICROSECONDS_PER_SECOND = 1_000_000;

export interface RunMetricsOptions {
  /** What the sequences of the source count. */
  readonly unit: "events" | "bytes";
  /** Asked at each scrape, as the next one is. */
  readonly isReady: () => boolean;
  /** Undefined before the run has begun. */
  readonly isReachable: (end: "source" | "sink") => boolean | undefined;
}

/**
 * What a run has done and how it is, in the text format of Prometheus
 * (https://prometheus.io/docs/instrumenting/exposition_formats/). Names and units are part of konn's
 * interface; counters go on over all runs of the process.
 */
export class RunMetrics {
  readonly contentType: string;
  readonly #registry = new Registry();
  readonly #read: Counter;
  readonly #written: Counter;
  readonly #deleted: Counter;
  readonly #skipped: Counter<"reason">;
  readonly #refused: Counter<"code">;
  readonly #retries: Counter;
  readonly #seconds: Histogram;
  readonly #bytes: Histogram;
  readonly #documents: Histogram;
  /** Undefined before the run has begun. */
  #lag: RunLag | undefined;
  #savedAtMs: number | undefined;

  constructor(options: RunMetricsOptions) {
    this.contentType = this.#registry.contentType;
    this.#read = this.#counter("konn_events_read_total", "Events that came from the source.");
    this.#written = this.#counter("konn_events_written_total", "Events that were written.");
    this.#deleted = this.#counter(
      "konn_events_deleted_total",
      "Events that took a document out of the index.",
    );
    this.#skipped = this.#counter("konn_events_skipped_total", "Events passed over, by reason.", [
      "reason",
    ]);
    this.#refused = this.#counter(
      "konn_events_refused_total",
      "Events that became dead letters, by code.",
      ["code"],
    );
    this.#retries = this.#counter("konn_retries_total", "Requests and documents sent once more.");
    this.#seconds = this.#histogram(
      "konn_bulk_duration_seconds",
      "Time of a bulk.",
      SECONDS_BUCKETS,
    );
    this.#bytes = this.#histogram("konn_bulk_size_bytes", "Size of a bulk.", BYTES_BUCKETS);
    this.#documents = this.#histogram(
      "konn_bulk_documents",
      "Documents and tombstones in a bulk.",
      DOCUMENTS_BUCKETS,
    );
    this.#addGauges(options);
    this.#addProcess();
  }

  read(count: number): void {
    this.#read.inc(count);
  }

  settled({ written, deleted, skipped }: SettledCounts): void {
    this.#written.inc(written);
    this.#deleted.inc(deleted);
    for (const [reason, count] of Object.entries(skipped)) this.#skipped.inc({ reason }, count);
  }

  refused(code: string): void {
    this.#refused.inc({ code });
  }

  retried(count: number): void {
    this.#retries.inc(count);
  }

  wrote({ documentsCount, bytes, seconds }: BulkRequest): void {
    this.#seconds.observe(seconds);
    this.#bytes.observe(bytes);
    this.#documents.observe(documentsCount);
  }

  lag(lag: RunLag): void {
    this.#lag = lag;
  }

  checkpointed(): void {
    this.#savedAtMs = Date.now();
  }

  /** The answer to a scrape. */
  async text(): Promise<string> {
    return await this.#registry.metrics();
  }

  #addGauges({ unit, isReady, isReachable }: RunMetricsOptions): void {
    this.#gauge("konn_build_info", "1; the labels say which konn this is.", () => 1, {
      version: VERSION,
      bun: Bun.version,
    });
    this.#gauge("konn_ready", "1 while /readyz says 200.", () => (isReady() ? 1 : 0));
    const reachable = new Gauge({
      name: "konn_reachable",
      help: "1 while an end of the run answers, 0 while it does not.",
      labelNames: ["end"],
      registers: [this.#registry],
      collect: () => {
        for (const end of ["source", "sink"] as const) {
          const answers = isReachable(end);
          if (answers !== undefined) reachable.set({ end }, answers ? 1 : 0);
        }
      },
    });
    this.#gauge(`konn_lag_${unit}`, `What is not delivered yet, in ${LAG_UNITS[unit]}.`, () => {
      const sequences = this.#lag?.sequences;
      return sequences === undefined ? undefined : Number(sequences);
    });
    this.#gauge(
      "konn_lag_seconds",
      "Age of the oldest event that is not delivered, by its record time; 0 without any.",
      () => this.#lag && Math.max(0, secondsSince(this.#lag.oldestMs) ?? 0),
    );
    this.#gauge("konn_checkpoint_age_seconds", "Since the checkpoint was last written.", () =>
      secondsSince(this.#savedAtMs),
    );
  }

  #addProcess(): void {
    const startedAt = Date.now() / MS_PER_SECOND - process.uptime();
    this.#gauge("process_start_time_seconds", "When the process began.", () => startedAt);
    this.#gauge("process_resident_memory_bytes", "Resident memory.", () =>
      process.memoryUsage.rss(),
    );
    const cpu = this.#counter("process_cpu_seconds_total", "CPU time, user and system.", [], () => {
      const { user, system } = process.cpuUsage();
      cpu.reset();
      cpu.inc((user + system) / MICROSECONDS_PER_SECOND);
    });
  }

  #counter<Label extends string = never>(
    name: string,
    help: string,
    labelNames: Label[] = [],
    collect?: () => void,
  ): Counter<Label> {
    const registers = [this.#registry];
    return new Counter({ name, help, labelNames, registers, ...(collect && { collect }) });
  }

  #histogram(name: string, help: string, buckets: number[]): Histogram {
    return new Histogram({ name, help, buckets, registers: [this.#registry] });
  }

  /** Has a value only where `read` returns one. */
  #gauge(
    name: string,
    help: string,
    read: () => number | undefined,
    labels: Readonly<Record<string, string>> = {},
  ): void {
    const gauge: Gauge = new Gauge({
      name,
      help,
      labelNames: Object.keys(labels),
      registers: [this.#registry],
      collect: () => {
        gauge.reset();
        const value = read();
        if (value === undefined) gauge.remove(labels);
        else gauge.set(labels, value);
      },
    });
  }
}

interface SettledCounts {
  readonly written: number;
  readonly deleted: number;
  readonly skipped: Readonly<Record<string, number>>;
}

const LAG_UNITS = { events: "offsets up to the ends of the source", bytes: "bytes of the file" };

function secondsSince(timeMs: number | undefined): number | undefined {
  return timeMs === undefined ? undefined : (Date.now() - timeMs) / MS_PER_SECOND;
}
