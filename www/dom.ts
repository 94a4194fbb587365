// The few DOM tools of the demo: make an element, find one that index.html promises, wait for quiet.
//
// Everything a person typed reaches the page as text nodes and plain attributes. There is no
// innerHTML here and no way to hand over markup, so a name like `<img onerror=…>` stays a name.

export type Child = Node | string | false | null | undefined;
export type Props = {
  [attribute: string]: string | number | boolean | undefined | ((event: Event) => void);
};

/** Makes an element; `onclick: fn` listens, `true` sets an empty attribute, `false` and `undefined` set none. */
export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Props = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (typeof value === 'function') element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== false && value !== undefined) element.setAttribute(name, String(value));
  }
  element.append(...children.filter(isPresent));
  return element;
}

/** The element of index.html with this id; a page without it is broken, and says which one. */
export function byId<T extends HTMLElement>(id: string, type: new () => T): T {
  const element = document.getElementById(id);
  if (element instanceof type) return element;
  throw new Error(`index.html has no ${type.name} with the id ${id}`);
}

/** Sets text only when it differs, so that nothing is announced or laid out twice. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** Sets the attribute, or takes it away for `undefined`. */
export function setAttribute(element: Element, name: string, value: string | undefined): void {
  if (value === undefined) element.removeAttribute(name);
  else if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

export function isBusy(element: Element): boolean {
  return element.getAttribute('aria-busy') === 'true';
}

/** A busy button keeps its focus, which a disabled one would lose. */
export function setBusy(element: Element, busy: boolean): void {
  element.setAttribute('aria-busy', String(busy));
}

/** Calls `work` once, `ms` after the last call. */
export function whenQuiet(ms: number, work: () => void): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(work, ms);
  };
}

function isPresent(child: Child): child is Node | string {
  return child !== false && child !== null && child !== undefined;
}
