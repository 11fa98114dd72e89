/** The one pair of servers that all tests of a run share. */

import { KonnError } from "../../core/base/errors.ts";
import { startKafka, startOpenSearch } from "./start.ts";
import type { KafkaService, OpenSearchService, Service } from "./service.ts";

/** A Kafka and an OpenSearch. */
export interface SharedServices {
  readonly kafka: KafkaService;
  readonly openSearch: OpenSearchService;
}

let shared: Promise<SharedServices> | undefined;

/**
 * The pair of this process, started by the first caller and gone with the process. Tests keep out
 * of each other's way by topics and indices of their own; one that needs a fault starts a server
 * of its own.
 */
export function sharedServices(): Promise<SharedServices> {
  shared ??= startPair();
  return shared;
}

async function startPair(): Promise<SharedServices> {
  const brokers = process.env["KONN_TEST_KAFKA"];
  const url = process.env["KONN_TEST_OPENSEARCH"];
  const [kafka, openSearch] = await Promise.all([
    isGiven(brokers) ? { ...foreignService("Kafka"), brokers } : startKafka(),
    isGiven(url)
      ? { ...foreignService("OpenSearch"), url: url.replace(/\/+$/, "") }
      : startOpenSearch(),
  ]);
  return { kafka, openSearch };
}

function isGiven(address: string | undefined): address is string {
  return address !== undefined && address !== "";
}

/** A server that others started: it is not ours to end, and `stop` leaves it alone. */
function foreignService(title: string): Service {
  const refuse = (verb: string) => async (): Promise<void> => {
    throw new KonnError(`Cannot ${verb} ${title}: its address came from the environment`, {
      code: "SERVICE_NOT_OURS",
      hint: `Start one for this test with start${title}()`,
    });
  };
  return {
    stop: async () => undefined,
    kill: refuse("kill"),
    restart: refuse("restart"),
    pause: refuse("pause"),
    resume: refuse("resume"),
  };
}
