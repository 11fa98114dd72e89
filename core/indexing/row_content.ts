import type { Delete, RowValue, Upsert } from "../cdc/change.ts";
import { parseColumn } from "../cdc/decode.ts";
import { UpsertScanner } from "../cdc/scan_upsert.ts";
import { WantedNames } from "../cdc/wanted_names.ts";
import type { Message } from "../connector/mod.ts";
import { type EntityDocument, entityDocument } from "../konnect/entity_document.ts";
import { entityTypeOf } from "../konnect/entity_key.ts";
import { type EntityFields, fieldsOfType, namesOfFields } from "../konnect/entity_types.ts";

/** By the fields of a type, which many types share. */
const namesByFields = new Map<EntityFields, WantedNames>();

/** One for all: what it found of a message is taken before the next one is scanned. */
const scanner = new UpsertScanner((key) => {
  const fields = fieldsOfType(entityTypeOf(key));
  let names = namesByFields.get(fields);
  if (names === undefined)
    namesByFields.set(fields, (names = new WantedNames(namesOfFields(fields))));
  return names;
});

/** A usual upsert, of which nothing was parsed. Undefined for any other record. */
export function scanUpsert(message: Message): Omit<Upsert, "row"> | undefined {
  if (!scanner.scan(message)) return undefined;
  const { key, eventTimeMs, lsn } = scanner;
  return { kind: "upsert", key, eventTimeMs, lsn };
}

/**
 * What a row says, made into a document when it is first asked for: most changes are superseded, or
 * say what was known.
 */
export class RowContent {
  readonly #key: string;
  readonly #row: RowValue | undefined;
  /**
   * A hash of those bytes of the event that the document is made from: two events of one key that
   * have the same one give the same document. Undefined where they were not seen apart.
   */
  readonly form: bigint | undefined;
  /** Those bytes. */
  #fields: string | undefined;
  #made: Made | undefined;

  /** @param row undefined for what was scanned, null in `made` for what is gone */
  private constructor(key: string, row?: RowValue, form?: bigint, made?: Made) {
    this.#key = key;
    this.#row = row;
    this.form = form;
    this.#made = made;
  }

  static row(key: string, row: RowValue): RowContent {
    return new RowContent(key, row);
  }

  static gone(key: string): RowContent {
    return new RowContent(key, undefined, undefined, GONE);
  }

  /** Of the message that was scanned last. Without {@link keep} it is good until the next one is. */
  static scanned(key: string): RowContent {
    return new RowContent(key, undefined, scanner.fieldsHash());
  }

  /** Takes what it needs of the message, so that another one can be scanned. */
  keep(): void {
    if (this.form !== undefined && this.#made === undefined) this.#fields ??= scanner.fieldsText();
  }

  get document(): EntityDocument | null {
    return this.#content().document;
  }

  /** The document as JSON. */
  get text(): string {
    return this.#content().text;
  }

  get droppedFields(): number {
    return this.#content().droppedFields;
  }

  #content(): Made {
    this.#made ??= makeOf(this.#key, this.form === undefined ? this.#row : this.#scannedRow());
    return this.#made;
  }

  /** What was scanned is JSON. */
  #scannedRow(): RowValue {
    const parsed = parseColumn(this.#fields ?? scanner.fieldsText());
    return { object: parsed.ok ? parsed.value : null };
  }
}

/** What an upsert or a delete that was decoded says of its row. */
export function contentOf(change: Upsert | Delete): RowContent {
  return change.kind === "delete"
    ? RowContent.gone(change.key)
    : RowContent.row(change.key, change.row);
}

interface Made {
  readonly document: EntityDocument | null;
  readonly text: string;
  readonly droppedFields: number;
}

const GONE: Made = { document: null, text: "null", droppedFields: 0 };

function makeOf(key: string, row: RowValue | undefined): Made {
  const { document, droppedFields } = entityDocument(key, row ?? null);
  return { document, text: JSON.stringify(document), droppedFields };
}
