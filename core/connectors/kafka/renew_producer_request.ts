import type { ProducerIdentity } from "./producer_session.ts";
import { ERROR_CODES, ProtocolError } from "./protocol_error.ts";
import type { KafkaRequest } from "./request.ts";
import { RequestWriter } from "./wire.ts";

export const INIT_PRODUCER_ID_API_KEY = 22;
/** The first version in which a producer can say who it is (KIP-360; Kafka 2.5). */
export const RENEW_PRODUCER_VERSION = 3;

/**
 * Asks for the next epoch of a producer. kafkajs cannot say which one it has: it would take the
 * transactional id back from whoever has taken it over meanwhile.
 */
export function renewProducerRequest(
  transactionalId: string,
  timeoutMs: number,
  { producerId, producerEpoch }: Pick<ProducerIdentity, "producerId" | "producerEpoch">,
): KafkaRequest<ProducerIdentity> {
  const body = new RequestWriter()
    .compactString(transactionalId)
    .int32(timeoutMs)
    .int64(producerId)
    .int16(producerEpoch)
    .noTags()
    .finish();
  return {
    apiKey: INIT_PRODUCER_ID_API_KEY,
    apiVersion: RENEW_PRODUCER_VERSION,
    apiName: "InitProducerId",
    isFlexible: true,
    body: [body],
    decode: (reader) => {
      const throttleMs = reader.int32();
      const errorCode = reader.int16();
      if (errorCode !== ERROR_CODES.NONE) throw new ProtocolError(errorCode);
      const value = { transactionalId, producerId: reader.int64(), producerEpoch: reader.int16() };
      return { value, throttleMs };
    },
  };
}
