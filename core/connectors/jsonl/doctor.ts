import { statSync } from "node:fs";
import { formatCount, formatCounted } from "../../base/format.ts";
import { failed, type Finding, passed, warned } from "../../connector/finding.ts";
import { SILENT_OBSERVER } from "../../observe/observer.ts";
import { createJsonlSource } from "./reader.ts";

/** Events that are looked at: those at the beginning tell what the file is. */
const LOOKED_AT_COUNT = 1_000;

/** Looks at a file of JSON lines: whether it can be read, and what its first lines are. */
export async function* diagnoseFile(path: string, signal: AbortSignal): AsyncGenerator<Finding> {
  if (path === "-") {
    yield passed("file", "stdin is not looked at");
    return;
  }
  await using source = createJsonlSource({ path, follow: false, observer: SILENT_OBSERVER });
  const { address } = await source.open(signal);
  const { size } = statSync(path);
  yield passed("file", `${path} can be read, ${formatCounted(size, "byte")}, ${address}`);
  const options = { from: new Map<never, never>(), stop: signal, maxEventsCount: LOOKED_AT_COUNT };
  let messagesCount = 0;
  const rejections: { line?: number | undefined; reason: string }[] = [];
  for await (const batch of source.read(options)) {
    messagesCount += batch.messages.length;
    rejections.push(...batch.rejections);
  }
  const lookedAt = `of its first ${formatCounted(messagesCount + rejections.length, "line")}`;
  const [first] = rejections;
  if (first === undefined) {
    yield passed("lines", `all ${lookedAt} are events or records`);
  } else if (messagesCount === 0) {
    yield failed(
      "lines",
      `none ${lookedAt} is an event or a record. ${first.reason}`,
      "Is it a file of Debezium events, one JSON object a line? --format says what the lines are.",
    );
  } else {
    yield warned(
      "lines",
      `${formatCount(rejections.length)} ${lookedAt} would become dead letters. ${first.reason}`,
      "konn dead-letters list tells them all after a replay; --max-dead-letters 0 refuses them.",
    );
  }
}
