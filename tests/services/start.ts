/** Starts a server by the best means that this machine has. */

import { startComposeKafka, startComposeOpenSearch } from "./compose.ts";
import { engineAnswers } from "./docker_engine.ts";
import { startLocalKafka } from "./kafka.ts";
import { startLocalOpenSearch } from "./opensearch.ts";
import type { KafkaService, OpenSearchService, StartOptions } from "./service.ts";

/** Starts a Kafka node of one's own, to break or to set up at will. */
export async function startKafka(options: StartOptions = {}): Promise<KafkaService> {
  return (await engineAnswers()) ? startComposeKafka(options) : startLocalKafka(options);
}

/** Starts an OpenSearch node of one's own, to break or to set up at will. */
export async function startOpenSearch(options: StartOptions = {}): Promise<OpenSearchService> {
  return (await engineAnswers()) ? startComposeOpenSearch(options) : startLocalOpenSearch(options);
}
