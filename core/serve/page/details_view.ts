import type { AttributeJson, EntityDetailsJson, EntityJson } from "../api_shapes.ts";
import { element } from "./dom.ts";
import { planeLabel, toneOf, typeLabel } from "./labels.ts";

/** What stands in the table, in this order. Relations have a part of their own. */
const FIELDS: readonly (readonly [name: string, label: string])[] = [
  ["custom_id", "Custom id"],
  ["instance_name", "Instance name"],
  ["prefix", "Prefix"],
  ["hosts", "Hosts"],
  ["paths", "Paths"],
  ["methods", "Methods"],
  ["protocols", "Protocols"],
  ["tags", "Tags"],
  ["version", "Version"],
  ["enabled", "Enabled"],
  ["created_at", "Created"],
  ["updated_at", "Updated"],
];
const TIMES: ReadonlySet<string> = new Set(["created_at", "updated_at"]);

export interface DetailsActions {
  readonly close: () => void;
  /** The address of another entity, for a link. */
  readonly hrefOf: (key: string) => string;
}

/** One entity with its relations, as the content of the part that shows it. */
export function detailsView(
  { data, related }: EntityDetailsJson,
  actions: DetailsActions,
): readonly Node[] {
  const { name, type, description, labels = {}, attributes, id, key } = data;
  const rows = FIELDS.flatMap(([field, label]) => {
    const value = attributes[field];
    return value === undefined ? [] : row(label, ...valueNodes(field, value));
  });
  const labelRows = Object.entries(labels).flatMap(([label, value]) =>
    row(label, element("span", { dir: "auto" }, value)),
  );
  return [
    heading(name, actions.close),
    element("span", { class: "type", "data-tone": toneOf(type) }, typeLabel(type)),
    ...(description === undefined ? [] : [element("p", { dir: "auto" }, description)]),
    element("dl", {}, ...row("Id", ...copied(id)), ...rows),
    ...(labelRows.length === 0
      ? []
      : [element("h3", {}, "Labels"), element("dl", {}, ...labelRows)]),
    ...relations(data, related, actions),
    element("h3", {}, "Event key"),
    element("dl", {}, ...row("Key", ...copied(key))),
  ];
}

/** What is shown where an entity cannot be. */
export function detailsFailure(message: string, close: () => void): readonly Node[] {
  return [heading("Cannot show the entity", close), element("p", { class: "gone" }, message)];
}

function heading(name: string, close: () => void): HTMLElement {
  const button = element(
    "button",
    { class: "quiet close", type: "button", "aria-label": "Close the details" },
    "×",
  );
  button.addEventListener("click", close);
  return element(
    "header",
    {},
    element("h2", { id: "details-title", tabindex: "-1", dir: "auto" }, name),
    button,
  );
}

function relations(
  { attributes, relations: ids = {} }: EntityJson,
  { control_plane: plane, parent, children, children_total: total }: EntityDetailsJson["related"],
  { hrefOf }: DetailsActions,
): readonly Node[] {
  const link = ({ key, name }: EntityJson) => {
    return element("a", { href: hrefOf(key), "data-key": key, dir: "auto" }, name);
  };
  const rows: Node[] = [];
  const { control_plane: planeId, parent: parentId } = attributes;
  if (typeof planeId === "string") {
    rows.push(...row("Control plane", plane ? link(plane) : missing(planeLabel(planeId), planeId)));
  }
  if (typeof parentId === "string") {
    const own = Object.keys(ids).find((name) => name !== "control_plane_id") ?? "parent_id";
    const label = typeLabel(parent?.type ?? own.replace(/_id$/, ""));
    const named = label.slice(0, 1).toUpperCase() + label.slice(1);
    rows.push(...row(named, parent ? link(parent) : missing(parentId, parentId)));
  }
  const types = [...new Set(children.map(({ type }) => type))];
  const groups = types.flatMap((type) => {
    const own = children.filter((child) => child.type === type);
    const items = own.map((child) => element("li", {}, link(child)));
    return [
      element("h3", {}, `${typeLabel(type)} (${own.length})`),
      element("ul", { class: "children" }, ...items),
    ];
  });
  const restCount = total.exact ? total.count - children.length : 0;
  const rest = restCount > 0 ? [element("p", { class: "gone" }, `and ${restCount} more`)] : [];
  if (rows.length === 0) return [...groups, ...rest];
  return [element("h3", {}, "Belongs to"), element("dl", {}, ...rows), ...groups, ...rest];
}

function missing(label: string, id: string): HTMLElement {
  return element("span", { class: "gone", title: id }, label);
}

function row(label: string, ...value: readonly Node[]): readonly Node[] {
  return [element("dt", { dir: "auto" }, label), element("dd", {}, ...value)];
}

function valueNodes(field: string, value: AttributeJson): readonly Node[] {
  if (typeof value === "object") {
    const items = value.map((text) => element("li", { dir: "auto" }, text));
    return [element("ul", {}, ...items)];
  }
  if (typeof value === "boolean") return [document.createTextNode(value ? "yes" : "no")];
  if (!TIMES.has(field)) return [element("span", { dir: "auto" }, value)];
  return [element("time", { datetime: value, title: value }, shownTime(value))];
}

function shownTime(text: string): string {
  const time = new Date(text);
  if (Number.isNaN(time.getTime())) return text;
  return time.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}

/** A text with a button that copies it, where the browser lets a page do that. */
function copied(text: string): readonly Node[] {
  const shown = element("span", { class: "mono", dir: "auto" }, text);
  // Only pages over TLS and of this machine have a clipboard.
  if (!globalThis.isSecureContext) return [shown];
  const button = element("button", { class: "copy", type: "button" }, "Copy");
  button.addEventListener("click", () => {
    void navigator.clipboard.writeText(text).then(
      () => (button.textContent = "Copied"),
      () => (button.textContent = "Cannot copy"),
    );
  });
  return [shown, document.createTextNode(" "), button];
}
