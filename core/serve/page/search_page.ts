import type { EntityDetailsJson, HitJson, SearchJson } from "../api_shapes.ts";
import { getJson, RequestFailure } from "./api_client.ts";
import { detailsFailure, detailsView } from "./details_view.ts";
import { byId, setAttribute } from "./dom.ts";
import { FilterGroup } from "./filter_group.ts";
import { learnNames, planeLabel, typeLabel } from "./labels.ts";
import { type LocationState, readLocation, searchPath, writeLocation } from "./location_state.ts";
import { nothingFound, queryProblem, statusText, tokenForm } from "./notices.ts";
import { ResultsList } from "./results_list.ts";
import { Retry } from "./retry.ts";

/** A pause in typing so short that nobody waits for it, and a fast typist asks for less. */
const TYPING_PAUSE_MS = 50;
/** What is wrong with a half-written query is not said before its writer pauses. */
const PROBLEM_DELAY_MS = 600;
/** From here on it is shown that an answer is being waited for. */
const SLOW_MS = 200;

/** The page: keeps what is shown, the address and the server's answers in step. */
export class SearchPage {
  readonly #input = byId("query", HTMLInputElement);
  readonly #status = byId("status", HTMLElement);
  readonly #problem = byId("problem", HTMLElement);
  readonly #notice = byId("notice", HTMLElement);
  readonly #nothing = byId("nothing", HTMLElement);
  readonly #details = byId("details", HTMLElement);
  readonly #more = byId("more", HTMLButtonElement);
  readonly #clear = byId("clear-filters", HTMLButtonElement);
  readonly #results: ResultsList;
  readonly #types: FilterGroup;
  readonly #planes: FilterGroup;
  readonly #retry = new Retry(() => this.#reload());
  #state: LocationState = readLocation(location.search);
  #searching = new AbortController();
  #opening = new AbortController();
  #typing: ReturnType<typeof setTimeout> | undefined;
  #next: string | null = null;

  constructor() {
    this.#results = new ResultsList(byId("results", HTMLElement), {
      input: this.#input,
      open: (hit, event) => this.#openHit(hit, event),
    });
    this.#types = new FilterGroup(byId("types", HTMLElement), {
      labelOf: typeLabel,
      toggle: (type) => this.#filter({ types: toggled(this.#state.types, type) }),
    });
    this.#planes = new FilterGroup(byId("planes", HTMLElement), {
      labelOf: planeLabel,
      toggle: (id) => this.#filter({ controlPlanes: toggled(this.#state.controlPlanes, id) }),
    });
  }

  /** Begins: shows what the address says. */
  start(): void {
    this.#input.value = this.#state.query;
    this.#input.addEventListener("input", () => this.#typed());
    this.#input.addEventListener("keydown", (event) => this.#pressed(event));
    this.#more.addEventListener("click", () => void this.#loadMore());
    this.#clear.addEventListener("click", () => this.#filter({ types: [], controlPlanes: [] }));
    this.#details.addEventListener("click", (event) => this.#followed(event));
    addEventListener("popstate", () => this.#returned());
    addEventListener("keydown", (event) => this.#shortcut(event));
    // On a touch screen the focus would bring up the keyboard before anybody wants it.
    const isTouched = matchMedia("(pointer: coarse)").matches;
    if (this.#state.key === undefined && !isTouched) this.#input.focus();
    void this.#begin();
  }

  /** All choices of the filters are known before the first of them are shown: they keep their places. */
  async #begin(): Promise<void> {
    const { types, controlPlanes, query } = this.#state;
    const hasChoices = query !== "" || types.length > 0 || controlPlanes.length > 0;
    if (hasChoices) {
      const path = "/v1/search?q=&page[size]=1";
      const all = await getJson<SearchJson>(path, AbortSignal.timeout(4_000)).catch(
        () => undefined,
      );
      if (all) this.#showFacets(all);
    }
    this.#reload();
  }

  #reload(): void {
    void this.#search();
    void this.#showKey();
  }

  #typed(): void {
    clearTimeout(this.#typing);
    this.#typing = setTimeout(() => {
      this.#go({ ...this.#state, query: this.#input.value, key: undefined }, "replace");
    }, TYPING_PAUSE_MS);
  }

  #filter(change: Partial<Pick<LocationState, "types" | "controlPlanes">>): void {
    this.#go({ ...this.#state, ...change }, "push");
  }

  /** Goes to another state: the address and, where it differs, what is shown. */
  #go(state: LocationState, how: "push" | "replace"): void {
    const before = this.#state;
    this.#state = state;
    const address = writeLocation(state);
    if (how === "push") history.pushState(null, "", address);
    else history.replaceState(null, "", address);
    this.#showDifference(before);
  }

  #returned(): void {
    const before = this.#state;
    this.#state = readLocation(location.search);
    this.#input.value = this.#state.query;
    this.#showDifference(before);
  }

  #showDifference(before: LocationState): void {
    if (searchPath(before) !== searchPath(this.#state)) void this.#search();
    if (before.key !== this.#state.key) void this.#showKey();
    this.#showTitle();
  }

  async #search(): Promise<void> {
    this.#searching.abort();
    this.#searching = new AbortController();
    const { signal } = this.#searching;
    const slow = setTimeout(() => (document.body.dataset["busy"] = "slow"), SLOW_MS);
    try {
      const answer = await getJson<SearchJson>(searchPath(this.#state), signal);
      this.#showAnswer(answer);
    } catch (error) {
      if (!signal.aborted) this.#showFailure(error, signal);
    } finally {
      clearTimeout(slow);
      if (!signal.aborted) delete document.body.dataset["busy"];
    }
  }

  #showAnswer(answer: SearchJson): void {
    const { query, types, controlPlanes, key } = this.#state;
    this.#answered();
    const hasFilters = types.length > 0 || controlPlanes.length > 0;
    this.#showFacets(answer);
    this.#results.show(answer.data, { activate: query !== "" });
    this.#results.activateKey(key);
    this.#status.textContent = statusText(answer, query !== "");
    this.#nothing.hidden = answer.data.length > 0;
    this.#nothing.replaceChildren(...nothingFound(query, hasFilters));
    this.#clear.hidden = !hasFilters;
    this.#showNext(answer);
    this.#showTitle();
  }

  #showFacets({ facets }: SearchJson): void {
    learnNames(facets.types, facets.control_planes);
    this.#types.update(facets.types, this.#state.types);
    this.#planes.update(facets.control_planes, this.#state.controlPlanes);
  }

  #showNext({ meta }: SearchJson): void {
    this.#next = meta.page.next;
    this.#more.hidden = this.#next === null;
  }

  /** The server answers, and to what it was asked. */
  #answered(): void {
    this.#retry.stop();
    this.#notice.hidden = true;
    delete document.body.dataset["offline"];
    this.#problem.replaceChildren();
    this.#input.removeAttribute("aria-invalid");
  }

  #showFailure(error: unknown, signal: AbortSignal): void {
    if (!(error instanceof RequestFailure)) throw error;
    if (error.kind === "query") return this.#showProblem(error, signal);
    document.body.dataset["offline"] = "";
    this.#notice.hidden = false;
    if (error.kind === "token") {
      this.#retry.stop();
      this.#notice.replaceChildren(...tokenForm(() => this.#reload()));
      return;
    }
    this.#notice.replaceChildren(`${error.message} Trying again …`);
    this.#retry.later();
  }

  /** The results stay: the writer is not done. */
  #showProblem(failure: RequestFailure, signal: AbortSignal): void {
    const { query } = this.#state;
    setTimeout(() => {
      if (signal.aborted) return;
      this.#answered();
      this.#problem.replaceChildren(...queryProblem(query, failure));
      this.#input.setAttribute("aria-invalid", "true");
    }, PROBLEM_DELAY_MS);
  }

  async #loadMore(): Promise<void> {
    const path = this.#next;
    const { signal } = this.#searching;
    if (path === null) return;
    this.#next = null;
    try {
      const answer = await getJson<SearchJson>(path, signal);
      this.#results.append(answer.data);
      this.#showNext(answer);
    } catch (error) {
      if (signal.aborted) return;
      this.#next = path;
      this.#showFailure(error, signal);
    }
  }

  /** What is shown stays until the entity is there: nothing flashes by. */
  async #showKey(): Promise<void> {
    this.#opening.abort();
    this.#opening = new AbortController();
    const { signal } = this.#opening;
    const { key } = this.#state;
    if (key === undefined) return this.#showDetails();
    const close = () => this.#close();
    const hrefOf = (other: string) => writeLocation({ ...this.#state, key: other });
    try {
      const path = `/v1/entities?${new URLSearchParams({ key })}`;
      const answer = await getJson<EntityDetailsJson>(path, signal);
      this.#showDetails(detailsView(answer, { close, hrefOf }));
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof RequestFailure)) throw error;
      this.#showDetails(detailsFailure(error.message, close));
    }
    this.#details.scrollTop = 0;
    this.#details.querySelector("h2")?.focus({ preventScroll: true });
  }

  #showDetails(content: readonly Node[] = []): void {
    this.#details.replaceChildren(...content);
    this.#details.hidden = content.length === 0;
    setAttribute(document.body, "data-details", content.length > 0);
    this.#showTitle();
  }

  #openHit({ key }: HitJson, event: MouseEvent | KeyboardEvent): void {
    const wantsTab = event.ctrlKey || event.metaKey || ("button" in event && event.button === 1);
    const state = { ...this.#state, key };
    if (wantsTab) window.open(writeLocation(state), "_blank", "noopener");
    else this.#go(state, "push");
  }

  #close(): void {
    this.#go({ ...this.#state, key: undefined }, "push");
    this.#input.focus();
  }

  /** A link to another entity opens it here, unless another tab is asked for. */
  #followed(event: MouseEvent): void {
    const link = event.target instanceof Element ? event.target.closest("a[data-key]") : null;
    const key = link?.getAttribute("data-key") ?? undefined;
    if (key === undefined || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    this.#go({ ...this.#state, key }, "push");
    this.#results.activateKey(key);
  }

  /** Keys in the box, as a combobox has them. */
  #pressed(event: KeyboardEvent): void {
    if (event.isComposing) return;
    const steps: Readonly<Record<string, number>> = {
      ArrowDown: 1,
      ArrowUp: -1,
      PageDown: 8,
      PageUp: -8,
    };
    const step = steps[event.key];
    if (step !== undefined && !event.altKey) {
      event.preventDefault();
      if (step > 0 && this.#results.isAtEnd) void this.#loadMore();
      this.#results.move(step);
    }
    const { active } = this.#results;
    if (event.key === "Enter" && active) this.#openHit(active, event);
  }

  /** Keys anywhere. */
  #shortcut(event: KeyboardEvent): void {
    if (event.isComposing || byId("help", HTMLDialogElement).open) return;
    const isCommand = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k";
    const isSlash = event.key === "/" && !isTyping(event.target) && !event.ctrlKey;
    if (isCommand || isSlash) {
      event.preventDefault();
      this.#input.focus();
      this.#input.select();
    }
    if (event.key === "Escape") this.#escape();
  }

  /** One step back: out of the details, else out of the query. */
  #escape(): void {
    if (this.#state.key !== undefined) this.#close();
    else if (this.#input.value !== "") {
      this.#input.value = "";
      this.#typed();
    }
  }

  #showTitle(): void {
    const { query, key } = this.#state;
    const name = this.#details.querySelector("h2")?.textContent;
    const subject = (key === undefined ? undefined : name) ?? query;
    document.title = subject === "" ? "konn" : `${subject} · konn`;
  }
}

function toggled(values: readonly string[], value: string): readonly string[] {
  return values.includes(value) ? values.filter((other) => other !== value) : [...values, value];
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement;
}
