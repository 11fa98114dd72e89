/** Kafka and OpenSearch for a benchmark, and the processes that they are. */
import {
  type KafkaService,
  type OpenSearchService,
  sharedServices,
  startKafka,
  startOpenSearch,
} from "../services/mod.ts";
import { pidListeningOn } from "./process_stats.ts";

export interface BenchServices extends AsyncDisposable {
  readonly brokers: string;
  readonly openSearchUrl: string;
  /** Undefined in a container, or on another machine. */
  readonly kafkaPid: number | undefined;
  readonly openSearchPid: number | undefined;
}

/**
 * For tests OpenSearch runs as it starts fastest. Here it has the compiler and the memory that its
 * distribution gives it.
 */
const OPENSEARCH_JVM_FLAGS = ["-XX:TieredStopAtLevel=4", "-Xms1g", "-Xmx1g"];

/** Takes the services whose addresses are given, as tests do, else starts a pair of its own. */
export async function benchServices(): Promise<BenchServices> {
  const isGiven = Boolean(process.env["KONN_TEST_KAFKA"] && process.env["KONN_TEST_OPENSEARCH"]);
  const { kafka, openSearch } = isGiven ? await sharedServices() : await startPair();
  const { brokers } = kafka;
  const { url } = openSearch;
  return {
    brokers,
    openSearchUrl: url,
    kafkaPid: pidListeningOn(Number(brokers.split(",")[0]?.split(":").at(-1))),
    openSearchPid: pidListeningOn(Number(new URL(url).port)),
    [Symbol.asyncDispose]: async () => {
      await Promise.all([kafka.stop(), openSearch.stop()]);
    },
  };
}

async function startPair(): Promise<{ kafka: KafkaService; openSearch: OpenSearchService }> {
  const [kafka, openSearch] = await Promise.all([
    startKafka(),
    startOpenSearch({ jvmFlags: OPENSEARCH_JVM_FLAGS }),
  ]);
  return { kafka, openSearch };
}
