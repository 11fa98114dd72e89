import { isJsonObject } from "../base/json.ts";
import type { Message } from "../connector/mod.ts";
import { positive, readEnvelope } from "./envelope.ts";
import { parseJson, unwrapSchema } from "./json.ts";
import { decodeValueText } from "./record_bytes.ts";

/**
 * When an event was captured, in milliseconds since 1970: its `ts_ms`, where it has one at its top
 * (envelopes, heartbeats), else the time of its row in whichever shape that came. Undefined for
 * anything else.
 */
export function eventTimeMs({ value }: Pick<Message, "value">): number | undefined {
  const text = value === null ? undefined : decodeValueText(value);
  const parsed = text === undefined ? undefined : parseJson(text);
  const payload = parsed?.ok ? unwrapSchema(parsed.value) : undefined;
  if (!isJsonObject(payload)) return undefined;
  return positive(payload["ts_ms"]) ?? readEnvelope(payload)?.eventTimeMs;
}
