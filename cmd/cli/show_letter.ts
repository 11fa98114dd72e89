import { KonnError } from "../../core/base/errors.ts";
import type { DeadLetterRun } from "../../core/check/dead_letter_runs.ts";
import type { Checkpoint } from "../../core/checkpoint/mod.ts";
import type { EventLocation } from "../../core/connector/event_location.ts";
import type { Header, Message, Source } from "../../core/connector/mod.ts";
import type { NumberedLetter } from "../../core/dead_letter/letter_list.ts";
import { printable } from "../../core/base/printable.ts";
import { letterJson, placeText, runTitle } from "./letter_views.ts";
import {
  type DeadLettersInvocation,
  letterConnectors,
  withoutCheckpoint,
} from "./letter_connectors.ts";
import { reopenSource, sourceUrl } from "./run_ends.ts";

/** Prints all that is known of a letter, and the event itself where that is asked for. */
export async function showLetter(
  run: DeadLetterRun,
  numbered: NumberedLetter,
  invocation: DeadLettersInvocation,
): Promise<number> {
  const { settings, terminal } = invocation;
  const { letter, number } = numbered;
  const checkpoint = run.checkpoint instanceof KonnError ? undefined : run.checkpoint;
  const look = checkpoint && (await lookCommand(checkpoint, numbered));
  const content = settings.content ? await readContent(run, numbered, invocation) : undefined;
  if (terminal.json) {
    const { source, sink } = checkpoint ?? {};
    const ends = {
      source: source?.label ?? source?.address ?? null,
      sink: sink?.label ?? sink?.address ?? null,
    };
    terminal.result(
      JSON.stringify({
        ...letterJson(run.name, numbered),
        ...ends,
        look: look ?? null,
        ...content,
      }),
    );
    return 0;
  }
  const rows = [
    ["run", run.name],
    ["refused", letter.time.toISOString()],
    ["place", placeText(letter)],
    ["key", printable(letter.key ?? "(none, or not text)")],
    ["code", letter.code],
    ["reason", printable(letter.reason)],
    ...(look === undefined ? [] : [["look", look]]),
    ["retry", `konn dead-letters retry ${number} --run ${run.name}`],
    ...(content ? contentRows(content) : []),
  ];
  const width = Math.max(...rows.map(([name = ""]) => name.length));
  const lines = rows.map(([name = "", text = ""]) => `  ${name.padEnd(width)}  ${text}`);
  terminal.result([`Dead letter ${number} of ${runTitle(run)}`, ...lines].join("\n"));
  return 0;
}

async function lookCommand(
  { source }: Checkpoint,
  { letter }: NumberedLetter,
): Promise<string | undefined> {
  const { lookAtEvent } = await import("../../core/connectors/mod.ts");
  const url = sourceUrl(source);
  return url === undefined ? undefined : await lookAtEvent(url, letter);
}

interface Content {
  readonly event: Readonly<Record<string, unknown>>;
}

/** Reads the event again. Throws what refuses a source that is not what it was. */
async function readContent(
  { name, checkpoint }: DeadLetterRun,
  { letter }: NumberedLetter,
  invocation: DeadLettersInvocation,
): Promise<Content> {
  if (checkpoint === undefined) throw withoutCheckpoint(name);
  if (checkpoint instanceof KonnError) throw checkpoint;
  const { reread, refuseOtherLetter } = await import("../../core/pipeline/mod.ts");
  refuseOtherLetter(letter, checkpoint);
  const options = letterConnectors(invocation);
  const openSource = () => reopenSource(checkpoint.source, options);
  const stop = invocation.interrupt.signal;
  for await (const { messages, rejections } of reread([letter], { openSource, checkpoint, stop })) {
    const [message] = messages;
    if (message) return { event: eventJson(message) };
    const [rejection] = rejections;
    if (!rejection) continue;
    const bytes = await bytesOf(letter, openSource, stop);
    return { event: { ...bytesJson("line", bytes), unreadable: rejection.reason } };
  }
  throw new KonnError(`Cannot show the event: ${placeText(letter)} holds none any more`, {
    code: "EVENT_GONE",
    hint: "Retention or compaction has removed it. konn dead-letters drop forgets the letter.",
  });
}

/** What the source makes no event of, as it stands there. */
async function bytesOf(
  letter: EventLocation,
  openSource: () => Promise<Source>,
  stop: AbortSignal,
): Promise<Uint8Array | null> {
  await using source = await openSource();
  await source.open(stop);
  return (await source.bytesAt?.(letter, stop)) ?? null;
}

function eventJson({ key, value, headers, timestampMs }: Message): Record<string, unknown> {
  return {
    ...bytesJson("key", key),
    ...bytesJson("value", value),
    headers: headers.map(headerJson),
    timestamp: timestampMs < 0 ? null : new Date(timestampMs).toISOString(),
  };
}

function headerJson({ name, value }: Header): object {
  return { name, ...bytesJson("value", value) };
}

/** Text where it is some, else base64. */
function bytesJson(name: string, bytes: Uint8Array | null): Record<string, string | null> {
  if (bytes === null) return { [name]: null };
  try {
    return { [name]: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes) };
  } catch {
    return { [`${name}_base64`]: Buffer.from(bytes).toString("base64") };
  }
}

function contentRows({ event }: Content): string[][] {
  return Object.entries(event).map(([name, value]) => [
    `event.${name}`,
    printable(typeof value === "string" ? value : JSON.stringify(value)),
  ]);
}
