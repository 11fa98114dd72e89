import { readFileSync } from "node:fs";

/**
 * What the index must hold after the sample, computed from the file by a few rules that share no
 * code with konn: the last event of a key wins, four types are searched by nobody, and a document
 * has what the design lists for its type.
 */

type Fields = Readonly<Record<string, unknown>>;

const UNSEARCHED_TYPES = new Set(["store_event", "hash", "composite-status", "node-status"]);

/** The documents of the sample by id, without the tombstone fields. */
export function sampleDocuments(path: string): Map<string, Fields> {
  const documents = new Map<string, Fields>();
  for (const line of readFileSync(path, "utf8").split("\n")) {
    if (line === "") continue;
    const { key, value } = JSON.parse(line).after;
    const [, controlPlane, , type, id] = key.split("/");
    if (UNSEARCHED_TYPES.has(type)) continue;
    const object: Fields = value.object;
    const document = { type, id, control_plane: controlPlane, ...fieldsOf(type, object) };
    documents.set(key, withoutUndefined(document));
  }
  return documents;
}

function fieldsOf(type: string, object: Fields): Fields {
  const common = {
    name: nameOf(type, object),
    tags: object["tags"],
    created_at: dateOf(object["created_at"]),
    updated_at: type === "node" ? undefined : dateOf(object["updated_at"]),
  };
  const labels = Object.entries(object["labels"] ?? {}).map(([name, value]) => `${name}=${value}`);
  switch (type) {
    case "service":
      return {
        ...common,
        hosts: [object["host"]],
        paths: object["path"] === undefined ? undefined : [object["path"]],
        protocols: [object["protocol"]],
        enabled: object["enabled"],
      };
    case "route":
      return {
        ...common,
        hosts: object["hosts"],
        paths: object["paths"],
        protocols: object["protocols"],
        methods: object["methods"],
        parent: idOf(object["service"]),
      };
    case "consumer":
      return { ...common, custom_id: object["custom_id"] };
    case "node":
      return {
        ...common,
        labels: labels.length === 0 ? undefined : labels,
        version: object["version"],
      };
    case "sni":
      return { ...common, parent: idOf(object["certificate"]) };
    case "target":
      return { ...common, parent: idOf(object["upstream"]) };
    case "key":
      return { ...common, parent: idOf(object["set"]) };
    case "vault":
      return { ...common, prefix: object["prefix"], description: object["description"] };
    default:
      return common;
  }
}

function nameOf(type: string, object: Fields): unknown {
  if (type === "node") return object["hostname"];
  if (type === "target") return object["target"];
  if (type === "consumer") return object["username"];
  return object["name"];
}

function idOf(reference: unknown): unknown {
  return typeof reference === "object" && reference !== null && "id" in reference
    ? reference.id
    : undefined;
}

function dateOf(seconds: unknown): string {
  return new Date(Number(seconds) * 1_000).toISOString().replace(".000Z", "Z");
}

function withoutUndefined(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
