import type { FacetJson } from "../api_shapes.ts";
import { element, inside, setAttribute } from "./dom.ts";

/** Choices that are shown until somebody asks for all. */
const SHOWN_COUNT = 12;

/**
 * Choices of one filter, with counts. A choice that has been shown keeps its place whatever is
 * typed: only the counts change, and nothing jumps.
 */
export class FilterGroup {
  readonly #section: HTMLElement;
  readonly #choices: HTMLElement;
  readonly #labelOf: (value: string) => string;
  readonly #toggle: (value: string) => void;
  readonly #buttons = new Map<string, HTMLButtonElement>();
  readonly #all: HTMLButtonElement;
  #showsAll = false;

  constructor(
    section: HTMLElement,
    { labelOf, toggle }: { labelOf: (value: string) => string; toggle: (value: string) => void },
  ) {
    this.#section = section;
    this.#choices = inside(section, ".choices");
    this.#labelOf = labelOf;
    this.#toggle = toggle;
    this.#all = element("button", { class: "quiet", type: "button" });
    this.#all.addEventListener("click", () => {
      this.#showsAll = true;
      this.#hideSurplus();
    });
  }

  /** Shows the counts of a search. What it does not name has none. */
  update(facets: readonly FacetJson[], chosen: readonly string[]): void {
    const counts = new Map(facets.map(({ value, count }) => [value, count]));
    for (const value of [...counts.keys(), ...chosen]) this.#buttonOf(value);
    for (const [value, button] of this.#buttons) {
      const count = counts.get(value) ?? 0;
      inside(button, "span").textContent = this.#labelOf(value);
      inside(button, ".count").textContent = count.toLocaleString("en-US");
      button.setAttribute("aria-pressed", String(chosen.includes(value)));
      setAttribute(button, "data-empty", count === 0);
    }
    this.#hideSurplus();
  }

  #buttonOf(value: string): void {
    if (this.#buttons.has(value)) return;
    const button = element(
      "button",
      { class: "choice", type: "button", title: value, "data-value": value },
      element("span", { dir: "auto" }),
      element("span", { class: "count" }),
    );
    button.addEventListener("click", () => this.#toggle(value));
    this.#buttons.set(value, button);
    this.#choices.append(button);
  }

  #hideSurplus(): void {
    let hiddenCount = 0;
    for (const [index, button] of [...this.#buttons.values()].entries()) {
      const isChosen = button.getAttribute("aria-pressed") === "true";
      button.hidden = !this.#showsAll && index >= SHOWN_COUNT && !isChosen;
      if (button.hidden) hiddenCount += 1;
    }
    this.#section.hidden = this.#buttons.size === 0;
    this.#all.hidden = hiddenCount === 0;
    this.#all.textContent = `${hiddenCount} more`;
    this.#choices.append(this.#all);
  }
}
