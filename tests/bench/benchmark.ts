/** What a benchmark is, how it is run, and what comes of it. */

/** What one run of one contender took. */
export interface Figures {
  readonly events: number;
  /** What was written to an index, where fewer are than there are events. */
  readonly documents?: number | undefined;
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly peakBytes: number;
  readonly kafkaCpuSeconds: number | undefined;
  readonly openSearchCpuSeconds: number | undefined;
  /** Of what was done many times within the run. */
  readonly latency?: Latency | undefined;
  /** Which part of the machine other processes had meanwhile, 0 to 1. */
  readonly othersShare: number | undefined;
}

/** How long one time took, in milliseconds: half of them, 95 and 99 in a hundred at most so much. */
export interface Latency {
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
}

export interface Contender {
  readonly name: string;
  run(): Promise<Figures>;
}

/** What is compared. Each is per second or per event, so that runs of any length compare. */
export type Measure = "events/s" | "documents/s" | "CPU" | "MiB" | "p50 ms" | "p99 ms";

/** What is to be reached. With a rival it is a ratio, konn by rival; else it is a figure itself. */
export interface Goal {
  readonly measure: Measure;
  /** Whose figure it is; konn's by default. */
  readonly contender?: string;
  readonly rival?: string;
  readonly atLeast?: number;
  readonly atMost?: number;
}

export interface Benchmark {
  readonly name: string;
  readonly title: string;
  /** The first one is konn. */
  readonly contenders: readonly Contender[];
  readonly goals: readonly Goal[];
}

export interface ContenderResult {
  readonly name: string;
  /** Of each figure, over all rounds. */
  readonly median: Figures;
  /** konn's events a second by those of this contender: the median of the rounds' ratios. */
  readonly ratio: number;
  /** konn's CPU time for an event by that of this contender, without the services'. */
  readonly cpuRatio: number;
  readonly rounds: readonly Figures[];
}

export interface GoalResult extends Goal {
  readonly reached: number;
  readonly isMet: boolean;
}

export interface BenchmarkResult {
  readonly name: string;
  readonly title: string;
  readonly contenders: readonly ContenderResult[];
  readonly goals: readonly GoalResult[];
}

/** All of one run, as it is written to a file. */
export interface BenchReport {
  readonly startedAt: string;
  readonly machine: { readonly processors: number; readonly model: string | undefined };
  /** How many processes waited for a processor, on average over a minute. */
  readonly load: { readonly before: number; readonly after: number };
  readonly rounds: number;
  readonly benchmarks: readonly BenchmarkResult[];
}

/**
 * Runs all contenders in turn, round by round, in an order that changes: what disturbs a machine for
 * a while disturbs them all.
 */
export async function runBenchmark(
  { name, title, contenders, goals }: Benchmark,
  { rounds, onRun }: { rounds: number; onRun?: (name: string, figures: Figures) => void },
): Promise<BenchmarkResult> {
  const runs = contenders.map((): Figures[] => []);
  for (let round = 0; round < rounds; round += 1) {
    const order = [...contenders.entries()];
    if (round % 2 === 1) order.reverse();
    for (const [at, contender] of order) {
      const figures = await contender.run();
      runs[at]?.push(figures);
      onRun?.(contender.name, figures);
    }
  }
  const runsOf = (wanted: string | undefined): readonly Figures[] =>
    runs[contenders.findIndex((contender) => contender.name === wanted)] ?? [];
  const [own = []] = runs;
  const ratioTo = (rival: readonly Figures[], measure: Measure): number =>
    medianOf(own.map((figures, at) => measured(figures, measure) / measured(rival[at], measure)));
  return {
    name,
    title,
    contenders: contenders.map((contender, at) => {
      const all = runs[at] ?? [];
      return {
        name: contender.name,
        median: medians(all),
        ratio: ratioTo(all, "events/s"),
        cpuRatio: ratioTo(all, "CPU"),
        rounds: all,
      };
    }),
    goals: goals.map((goal) => {
      const { measure, rival, contender, atLeast = 0, atMost = Infinity } = goal;
      const reached =
        rival === undefined
          ? medianOf(
              runsOf(contender ?? contenders[0]?.name).map((figures) => measured(figures, measure)),
            )
          : ratioTo(runsOf(rival), measure);
      return { ...goal, reached, isMet: reached >= atLeast && reached <= atMost };
    }),
  };
}

export function eventsPerSecond({ events, seconds }: Figures): number {
  return events / seconds;
}

function measured(figures: Figures | undefined, measure: Measure): number {
  if (figures === undefined) return NaN;
  const { events, documents = events, seconds, cpuSeconds, peakBytes } = figures;
  if (measure === "events/s") return eventsPerSecond(figures);
  if (measure === "documents/s") return documents / seconds;
  if (measure === "CPU") return cpuSeconds / events;
  if (measure === "p50 ms") return figures.latency?.p50Ms ?? NaN;
  if (measure === "p99 ms") return figures.latency?.p99Ms ?? NaN;
  return peakBytes / 1024 / 1024;
}

function medians(runs: readonly Figures[]): Figures {
  const known = (pick: (figures: Figures) => number | undefined): number | undefined => {
    const numbers = runs.map(pick).filter((number) => number !== undefined);
    return numbers.length === 0 ? undefined : medianOf(numbers);
  };
  const of = (pick: (figures: Figures) => number): number => medianOf(runs.map(pick));
  return {
    events: of(({ events }) => events),
    documents: known(({ documents }) => documents),
    seconds: of(({ seconds }) => seconds),
    cpuSeconds: of(({ cpuSeconds }) => cpuSeconds),
    peakBytes: of(({ peakBytes }) => peakBytes),
    kafkaCpuSeconds: known(({ kafkaCpuSeconds }) => kafkaCpuSeconds),
    openSearchCpuSeconds: known(({ openSearchCpuSeconds }) => openSearchCpuSeconds),
    othersShare: known(({ othersShare }) => othersShare),
    ...(runs.every(({ latency }) => latency) && {
      latency: {
        p50Ms: of(({ latency }) => latency?.p50Ms ?? NaN),
        p95Ms: of(({ latency }) => latency?.p95Ms ?? NaN),
        p99Ms: of(({ latency }) => latency?.p99Ms ?? NaN),
      },
    }),
  };
}

/** The middle one, or the mean of the two in the middle. */
export function medianOf(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2;
}
