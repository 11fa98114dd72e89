import type { AttributeJson, HitJson } from "../api_shapes.ts";
import { element } from "./dom.ts";
import { planeLabel, toneOf, typeLabel } from "./labels.ts";
import { markedText } from "./marked_text.ts";

/** What stands under a name that was found by itself, the first of these that there is. */
const SECOND_LINE = ["hosts", "paths", "custom_id", "instance_name", "prefix", "version", "tags"];

export interface ResultsListOptions {
  /** The box whose list this is: it names the active option. */
  readonly input: HTMLInputElement;
  readonly open: (hit: HitJson, event: MouseEvent) => void;
}

/** The listbox of the combobox. The focus stays in the box; the active option is a name there. */
export class ResultsList {
  readonly #list: HTMLElement;
  readonly #options: ResultsListOptions;
  #hits: readonly HitJson[] = [];
  #active = -1;

  constructor(list: HTMLElement, options: ResultsListOptions) {
    this.#list = list;
    this.#options = options;
    // A press would take the focus out of the box.
    list.addEventListener("mousedown", (event) => event.preventDefault());
    list.addEventListener("click", (event) => this.#clicked(event));
    list.addEventListener("auxclick", (event) => this.#clicked(event));
  }

  get active(): HitJson | undefined {
    return this.#hits[this.#active];
  }

  get count(): number {
    return this.#hits.length;
  }

  get isAtEnd(): boolean {
    return this.#active === this.#hits.length - 1;
  }

  /** Shows a new answer. The first hit is the active one, as soon as somebody has typed. */
  show(hits: readonly HitJson[], { activate }: { readonly activate: boolean }): void {
    this.#hits = hits;
    this.#list.replaceChildren(...hits.map(option));
    this.#options.input.setAttribute("aria-expanded", String(hits.length > 0));
    this.#activate(activate && hits.length > 0 ? 0 : -1);
  }

  /** Adds the next page of the same answer. */
  append(hits: readonly HitJson[]): void {
    const from = this.#hits.length;
    this.#hits = [...this.#hits, ...hits];
    this.#list.append(...hits.map((hit, index) => option(hit, from + index)));
  }

  /** Makes the hit of a key the active one, where it is among those shown. */
  activateKey(key: string | undefined): void {
    const index = this.#hits.findIndex((hit) => hit.key === key);
    if (index >= 0) this.#activate(index);
  }

  /** Moves by so many options, stopping at both ends. */
  move(step: number): void {
    if (this.#hits.length === 0) return;
    const next = Math.max(0, Math.min(this.#hits.length - 1, this.#active + step));
    this.#activate(next);
    this.#list.children[next]?.scrollIntoView({ block: "nearest" });
  }

  #activate(index: number): void {
    this.#list.children[this.#active]?.setAttribute("aria-selected", "false");
    this.#active = index;
    const active = this.#list.children[index];
    active?.setAttribute("aria-selected", "true");
    if (active) this.#options.input.setAttribute("aria-activedescendant", active.id);
    else this.#options.input.removeAttribute("aria-activedescendant");
  }

  #clicked(event: MouseEvent): void {
    const target = event.target instanceof Element ? event.target.closest(".hit") : null;
    const index = target === null ? -1 : [...this.#list.children].indexOf(target);
    const hit = this.#hits[index];
    if (!hit || event.button > 1) return;
    this.#activate(index);
    this.#options.open(hit, event);
  }
}

function option(hit: HitJson, index: number): HTMLElement {
  const { name, type, highlights, attributes } = hit;
  const marked = highlights.find(({ field, text }) => field === "name" && text === name);
  const plane = attributes["control_plane"];
  return element(
    "li",
    { class: "hit", id: `hit-${index}`, role: "option", "aria-selected": "false" },
    element("span", { class: "name", dir: "auto" }, ...markedText(marked ?? unmarked(name))),
    element("span", { class: "type", "data-tone": toneOf(type) }, typeLabel(type)),
    element("span", { class: "more-of-it", dir: "auto" }, ...secondLine(hit)),
    element(
      "span",
      { class: "plane", dir: "auto" },
      typeof plane === "string" ? planeLabel(plane) : "",
    ),
  );
}

/** Where else it matched; else what tells it from others of that name. */
function secondLine({ id, name, description, highlights, attributes }: HitJson): readonly Node[] {
  const other = highlights.find(({ field, text }) => field !== "name" && text !== name);
  if (other) return markedText(other);
  const values = SECOND_LINE.map((field) => textOf(attributes[field]));
  const text = description ?? values.find((value) => value !== "" && value !== name) ?? id;
  return markedText(unmarked(text));
}

function unmarked(text: string): { text: string; ranges: readonly [number, number][] } {
  return { text, ranges: [] };
}

function textOf(value: AttributeJson | undefined): string {
  if (value === undefined) return "";
  return typeof value === "object" ? value.join("  ") : String(value);
}
