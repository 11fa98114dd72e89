/**
 * Streams of any length that look like the sample: its lines are the templates, ids and names are
 * changed from copy to copy. The same seed gives the same stream on every machine.
 */
import { UNSEARCHED_TYPES } from "../../core/konnect/entity_types.ts";

/**
 * `mixed`: the sample again and again, many copies of it at once, each with its own entities: three
 * of four events are a node that reports, and there are some seven events a key.
 * `unique`: every event is another entity, all of them searchable.
 * `churn`: entities come (35 %), change (40 %) and go (25 %).
 */
export type StreamKind = "mixed" | "unique" | "churn";

export interface StreamEvent {
  readonly key: string;
  /** The event as one line of JSON, without a newline. */
  readonly line: string;
}

export interface StreamOptions {
  readonly kind: StreamKind;
  readonly eventsCount: number;
  readonly seed: number;
}

/** So many control planes report at the same time. */
const LIVE_COPIES_COUNT = 200;

/** There are so many in all: a stream of more than 1,300,000 events meets its entities again. */
const COPIES_COUNT = 2_000;

const CREATE_SHARE = 0.35;
const UPDATE_SHARE = 0.4;

/** What every line of the sample is. */
const LINE = /^\{"before": null, "after": (?<row>\{.*\}), "op": "[cu]", "ts_ms": (?<ts>\d+)\}$/;
/** The first block of an id. */
const ID = /[0-9a-f]{8}(?=-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})/;
/** The place behind what a person calls an entity. */
const NAME_END = /(?<="(?:name|hostname|username|target)": "[^"\\]+)(?=")/;
const SLOT = new RegExp(`(${ID.source})|${NAME_END.source}`);

/** The events of a stream. `sample` holds the lines of the sample stream. */
export function* sampleStream(
  sample: readonly string[],
  { kind, eventsCount, seed }: StreamOptions,
): Generator<StreamEvent> {
  const random = randomNumbers(seed);
  const templates = sample.map((line) => new Template(line));
  const searched = templates.filter(({ isSearched }) => isSearched);
  const named = searched.filter(({ isNamed }) => isNamed);
  if (kind === "mixed") yield* mixed(templates, eventsCount, random);
  else if (kind === "unique") yield* unique(searched, eventsCount, random);
  else yield* churn(named, eventsCount, random);
}

function* mixed(
  templates: readonly Template[],
  eventsCount: number,
  random: () => number,
): Generator<StreamEvent> {
  let copiesCount = Math.min(LIVE_COPIES_COUNT, Math.ceil(eventsCount / templates.length));
  const live = Array.from({ length: copiesCount }, (_, copy) => ({ copy, at: 0 }));
  for (let made = 0; made < eventsCount; made += 1) {
    const one = pick(live, random);
    yield pick(templates, () => one.at / templates.length).event(one.copy);
    one.at += 1;
    if (one.at < templates.length) continue;
    one.copy = copiesCount++ % COPIES_COUNT;
    one.at = 0;
  }
}

function* unique(
  templates: readonly Template[],
  eventsCount: number,
  random: () => number,
): Generator<StreamEvent> {
  for (let copy = 0; copy < eventsCount; copy += 1) yield pick(templates, random).event(copy);
}

function* churn(
  templates: readonly Template[],
  eventsCount: number,
  random: () => number,
): Generator<StreamEvent> {
  const alive: { template: Template; copy: number; revision: number }[] = [];
  for (let copy = 0; copy < eventsCount; copy += 1) {
    const what = random();
    if (alive.length === 0 || what < CREATE_SHARE) {
      const row = { template: pick(templates, random), copy, revision: 0 };
      alive.push(row);
      yield row.template.event(copy);
    } else if (what < CREATE_SHARE + UPDATE_SHARE) {
      const row = pick(alive, random);
      row.revision += 1;
      yield row.template.event(row.copy, row.revision);
    } else {
      const at = Math.floor(random() * alive.length);
      const row = alive[at] ?? pick(alive, random);
      const last = alive.pop() ?? row;
      if (last !== row) alive[at] = last;
      yield row.template.deletion(row.copy, row.revision);
    }
  }
}

/** A line of the sample, cut where the entities of one copy differ from those of another. */
class Template {
  readonly isSearched: boolean;
  /** Only what has a name is changed from revision to revision. */
  readonly isNamed: boolean;
  readonly #key: readonly (string | undefined)[];
  readonly #event: readonly (string | undefined)[];
  readonly #deletion: readonly (string | undefined)[];

  constructor(line: string) {
    const { row, ts } = LINE.exec(line)?.groups ?? {};
    if (row === undefined || ts === undefined) throw new Error(`no line of the sample: ${line}`);
    const { key }: { key: string } = JSON.parse(row);
    this.isSearched = !UNSEARCHED_TYPES.includes(key.split("/")[3] ?? "");
    this.#key = key.split(SLOT);
    this.#event = line.split(SLOT);
    this.isNamed = this.#event.includes(undefined);
    const deletion = `{"before": ${row}, "after": null, "op": "d", "ts_ms": ${ts}}`;
    this.#deletion = deletion.split(SLOT);
  }

  event(copy: number, revision = 0): StreamEvent {
    return { key: filled(this.#key, copy, revision), line: filled(this.#event, copy, revision) };
  }

  deletion(copy: number, revision: number): StreamEvent {
    return { key: filled(this.#key, copy, revision), line: filled(this.#deletion, copy, revision) };
  }
}

/** Text, slot, text, slot, ..., text; a slot is the first block of an id, or the end of a name. */
function filled(parts: readonly (string | undefined)[], copy: number, revision: number): string {
  const mask = scrambled(copy);
  let text = "";
  for (const [at, part] of parts.entries()) {
    if (at % 2 === 0) text += part;
    else if (part === undefined) text += nameEnd(copy, revision);
    else text += ((Number.parseInt(part, 16) ^ mask) >>> 0).toString(16).padStart(8, "0");
  }
  return text;
}

function nameEnd(copy: number, revision: number): string {
  const end = `-${scrambled(copy).toString(36)}`;
  return revision === 0 ? end : `${end}-r${revision}`;
}

/** Another number for each number of 32 bits. */
function scrambled(number: number): number {
  const spread = Math.imul(number ^ (number >>> 16), 0x45d9f3b);
  return (spread ^ (spread >>> 16)) >>> 0;
}

function pick<Item>(items: readonly Item[], random: () => number): Item {
  const item = items[Math.floor(random() * items.length)];
  if (item === undefined) throw new Error("there is nothing to pick from");
  return item;
}

/** Numbers from 0 to below 1, the same ones for the same seed (a 32-bit xorshift). */
function randomNumbers(seed: number): () => number {
  let state = scrambled(seed + 1) || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
