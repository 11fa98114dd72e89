import type { KafkaRequest } from "./request.ts";
import { RequestWriter } from "./wire.ts";

/** What a broker says to the name of a mechanism. */
export interface SaslHandshake {
  readonly errorCode: number;
  /** Those that this port offers. None where it has no users. */
  readonly mechanisms: readonly string[];
}

/** Asks by which mechanisms one may log in. It is answered before anybody has. */
export function saslHandshakeRequest(mechanism: string): KafkaRequest<SaslHandshake> {
  return {
    apiKey: 17,
    apiVersion: 1,
    apiName: "SaslHandshake",
    isFlexible: false,
    body: [new RequestWriter().string(mechanism).finish()],
    decode: (reader) => ({
      value: {
        errorCode: reader.int16(),
        mechanisms: reader.array(() => reader.string() ?? ""),
      },
      throttleMs: 0,
    }),
  };
}
