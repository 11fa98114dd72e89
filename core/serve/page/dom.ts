type Child = Node | string | undefined;

/** Attributes by name; a switch is there or not. */
type Attributes = Readonly<Record<string, string | boolean | undefined>>;

/**
 * Makes an element. Text becomes text nodes: nothing that comes from the index is ever read as
 * markup.
 */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) setAttribute(made, name, value);
  made.append(...children.filter((child) => child !== undefined));
  return made;
}

/** Sets, or takes off. */
export function setAttribute(
  target: Element,
  name: string,
  value: string | boolean | undefined,
): void {
  if (value === undefined || value === false) target.removeAttribute(name);
  else target.setAttribute(name, value === true ? "" : value);
}

/** The element of the page that has this id. */
export function byId<Type extends HTMLElement>(id: string, type: new () => Type): Type {
  const found = document.getElementById(id);
  if (found instanceof type) return found;
  throw new Error(`The page has no ${id}`);
}

/** The first element inside that a selector names. */
export function inside(parent: ParentNode, selector: string): HTMLElement {
  const found = parent.querySelector(selector);
  if (found instanceof HTMLElement) return found;
  throw new Error(`The page has no ${selector}`);
}
