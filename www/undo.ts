// Short notes at the foot of the page: "Deleted … Undo" for six seconds, and problems nobody else shows.
//
// A note waits while the pointer or the focus is on it, so that nobody has to hurry. Control+Z (or
// Command+Z) outside a text field takes the newest one back. It never moves the focus by itself.

import { byId, el } from './dom.js';

export interface Toasts {
  offerUndo(text: string, undo: () => Promise<void>): void;
  problem(error: unknown): void;
}

interface Note {
  element: HTMLElement;
  undo?: () => void;
  close(): void;
}

const stay = 6000;
const most = 3;

export function createToasts(): Toasts {
  const area = byId('toasts', HTMLElement);
  const notes: Note[] = [];

  function show(text: string, kind: string, action?: () => void): void {
    const button =
      action && el('button', { type: 'button', class: 'button', 'data-testid': 'undo', onclick: action }, 'Undo');
    const element = el('div', { class: 'toast', 'data-kind': kind, 'data-testid': 'toast' }, el('p', {}, text), button);
    const note: Note = {
      element,
      ...(action ? { undo: action } : {}),
      close() {
        clearTimeout(timer);
        element.remove();
        notes.splice(notes.indexOf(note), 1);
      },
    };
    const expire = () => {
      if (element.matches(':hover, :focus-within')) timer = setTimeout(expire, 2000);
      else note.close();
    };
    let timer = setTimeout(expire, stay);
    notes.push(note);
    area.append(element);
    if (notes.length > most) notes[0]?.close();
  }

  function problem(error: unknown): void {
    console.error(error);
    show(readable(error), 'problem');
  }

  document.addEventListener('keydown', (event) => {
    const undoKey = (event.ctrlKey || event.metaKey) && !event.shiftKey && event.key.toLowerCase() === 'z';
    const typing = event.target instanceof Element && event.target.closest('input, textarea, dialog');
    const newest = [...notes].reverse().find((note) => note.undo);
    if (!undoKey || typing || !newest) return;
    event.preventDefault();
    newest.undo?.();
  });

  return {
    problem,
    offerUndo(text, undo) {
      const run = () => {
        closeHolder(notes, run);
        byId('main', HTMLElement).focus({ preventScroll: true });
        undo().catch(problem);
      };
      show(text, 'undo', run);
    },
  };
}

/** The sentence for people that comes with an error of the package; others get a plain one. */
export function readable(error: unknown): string {
  const sentence = (error as { userMessage?: unknown } | null)?.userMessage;
  return typeof sentence === 'string' ? sentence : 'Something went wrong on this page. The console says more.';
}

function closeHolder(notes: Note[], undo: () => void): void {
  notes.find((note) => note.undo === undo)?.close();
}
