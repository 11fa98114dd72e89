import type { SearchJson } from "../api_shapes.ts";
import { keepToken, type RequestFailure } from "./api_client.ts";
import { element } from "./dom.ts";

/** What the line above the results says of an answer. */
export function statusText({ total }: SearchJson, hasQuery: boolean): string {
  const count = `${total.count.toLocaleString("en-US")}${total.exact ? "" : " or more"}`;
  const isOne = total.count === 1 && total.exact;
  if (hasQuery) return `${count} ${isOne ? "result" : "results"}`;
  return `${count} ${isOne ? "entity" : "entities"}`;
}

/** What is wrong with a query, with the place in it. */
export function queryProblem(query: string, { message, invalid }: RequestFailure): readonly Node[] {
  const nodes: Node[] = [document.createTextNode(message.replace(/^Cannot read the query: /, ""))];
  const { position } = invalid ?? {};
  if (!position || position.start >= query.length) return nodes;
  const { start, end } = position;
  nodes.push(
    element("br"),
    element(
      "code",
      {},
      query.slice(Math.max(0, start - 24), start),
      element("span", { class: "place" }, query.slice(start, end)),
      query.slice(end, end + 24),
    ),
  );
  return nodes;
}

/** What is shown in place of results where there are none. */
export function nothingFound(query: string, hasFilters: boolean): readonly Node[] {
  if (query === "" && !hasFilters) {
    return [
      element("h2", {}, "The index is empty"),
      element("p", {}, "As soon as there are entities, they are found here."),
    ];
  }
  const title = query === "" ? "Nothing passes the filters" : `Nothing found for “${query}”`;
  const advice = hasFilters
    ? "Clear the filters to look everywhere."
    : "Try fewer words, the beginning of a name, or a part of an id.";
  return [element("h2", { dir: "auto" }, title), element("p", {}, advice)];
}

/** Says that the server asks for a token, and takes one. */
export function tokenForm(again: () => void): readonly Node[] {
  const input = element("input", {
    type: "password",
    id: "token",
    autocomplete: "off",
    required: true,
  });
  const form = element("form", {}, input, element("button", { class: "primary" }, "Use it"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    keepToken(input.value.trim());
    again();
  });
  return [element("label", { for: "token" }, "This server asks for a token."), form];
}
