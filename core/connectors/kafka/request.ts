import { RequestWriter, type ResponseReader } from "./wire.ts";

/** A request that konn encodes itself and its answer. */
export interface KafkaRequest<T> {
  readonly apiKey: number;
  readonly apiVersion: number;
  /** For kafkajs's log. */
  readonly apiName: string;
  /** Whether this version has tagged fields (KIP-482), in the headers as well. */
  readonly isFlexible: boolean;
  /** What stands behind the header. In pieces, so that batches need not be copied together. */
  readonly body: readonly Uint8Array[];
  /** Reads what stands behind the response header. */
  decode(reader: ResponseReader): KafkaResponse<T>;
}

export interface KafkaResponse<T> {
  readonly value: T;
  /** How long the broker wants no further request on this connection (KIP-219). */
  readonly throttleMs: number;
}

/** The size and the header that stand in front of the body. */
export function encodeHeader(
  { apiKey, apiVersion, isFlexible, body }: KafkaRequest<unknown>,
  client: { clientId: string; correlationId: number },
): Buffer {
  const header = new RequestWriter()
    .int16(apiKey)
    .int16(apiVersion)
    .int32(client.correlationId)
    .string(client.clientId);
  if (isFlexible) header.noTags();
  const headerBytes = header.finish();
  const size = body.reduce((sum, piece) => sum + piece.length, headerBytes.length);
  return new RequestWriter().int32(size).raw(headerBytes).finish();
}
