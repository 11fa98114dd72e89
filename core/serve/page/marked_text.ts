import type { HighlightJson } from "../api_shapes.ts";
import { element } from "./dom.ts";

/** Characters that may stand before the first mark, so that it is within sight. */
const LEAD_MAX_LENGTH = 32;

/** A text with its marks. What stands far before the first one is cut off. */
export function markedText({ text, ranges }: Omit<HighlightJson, "field">): Node[] {
  const first = ranges[0]?.[0] ?? 0;
  const from = first > LEAD_MAX_LENGTH * 1.5 ? wholeCharacter(text, first - LEAD_MAX_LENGTH) : 0;
  const nodes: Node[] = [];
  if (from > 0) nodes.push(document.createTextNode("…"));
  let at = from;
  for (const [start, end] of ranges) {
    nodes.push(document.createTextNode(text.slice(at, start)));
    nodes.push(element("mark", {}, text.slice(start, end)));
    at = end;
  }
  nodes.push(document.createTextNode(text.slice(at)));
  return nodes;
}

/** Not between the two halves of a character. */
function wholeCharacter(text: string, at: number): number {
  const unit = text.charCodeAt(at);
  return unit >= 0xdc00 && unit <= 0xdfff ? at + 1 : at;
}
