// The dialog for one conflict: every field that both sides changed, yours beside the server's, one choice each.
//
// What nobody disputes is taken from the server's document, so nothing is lost by choosing. Where one side deleted
// the assistant there is one choice for the whole of it. The dialog decides nothing by itself: it starts on the side
// that changed the field last, and closing it leaves the conflict open.

import type { Conflict, ConflictField } from 'seakeep';
import type { MarketDatabase } from './db.js';
import { byId, el, isBusy, setBusy, setText } from './dom.js';
import { relative } from './format.js';
import type { Assistant } from './model.js';
import { readable } from './undo.js';

export interface ConflictDialog {
  /** Opens the open conflict of this document, if there is one. */
  openFor(id: string, name: string): Promise<void>;
}

type Side = 'local' | 'remote';

const sides: { [S in Side]: string } = { local: 'Yours', remote: 'The server’s' };
/** Times and the like are the server's own; a person is not asked about them. */
const serverFields = new Set(['id', 'createdAt', 'updatedAt']);

export function createConflictDialog(db: MarketDatabase, resolved: (name: string) => void): ConflictDialog {
  const dialog = byId('conflict-dialog', HTMLDialogElement);
  const form = byId('conflict-form', HTMLFormElement);
  const choices = byId('conflict-choices', HTMLElement);
  const problem = byId('conflict-error', HTMLElement);
  const save = byId('conflict-save', HTMLButtonElement);
  let open: { conflict: Conflict<Assistant>; name: string } | undefined;

  function show(conflict: Conflict<Assistant>, name: string): void {
    open = { conflict, name };
    setText(byId('conflict-title', HTMLElement), `Two versions of ${name}`);
    setText(byId('conflict-text', HTMLElement), explanation(conflict));
    setText(problem, '');
    choices.replaceChildren(...groupsOf(conflict));
    dialog.showModal();
    choices.querySelector<HTMLInputElement>('input:checked')?.focus();
  }

  async function submit(): Promise<void> {
    if (!open || isBusy(save)) return;
    setBusy(save, true);
    try {
      await db.conflicts.resolve(open.conflict.conflictId, { doc: chosenDocument(open.conflict, form) });
      dialog.close();
      resolved(open.name);
    } catch (error) {
      setText(problem, readable(error));
    } finally {
      setBusy(save, false);
    }
  }

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void submit();
  });
  byId('conflict-later', HTMLButtonElement).addEventListener('click', () => dialog.close());

  return {
    async openFor(id, name) {
      const all = await db.conflicts.list({ status: 'open', collection: 'assistants' });
      const found = all.find((conflict) => conflict.id === id);
      if (found) show(found as Conflict<Assistant>, name);
    },
  };
}

function explanation({ type }: Conflict): string {
  switch (type) {
    case 'edit-delete':
      return 'You changed it here, and it was deleted on the server.';
    case 'delete-edit':
      return 'You deleted it here, and it was changed on the server.';
    case 'create-create':
      return 'It was created twice, here and on the server.';
    case 'edit-edit':
      return 'It was changed here and on the server. Choose what stays, field by field.';
  }
}

function disputed(conflict: Conflict<Assistant>): ConflictField[] {
  return conflict.fields.filter((field) => !serverFields.has(field.path));
}

function groupsOf(conflict: Conflict<Assistant>): HTMLElement[] {
  if (!conflict.local || !conflict.remote) {
    const text = (side: Side) => (conflict[side] ? 'Keep it' : 'Delete it');
    return [group('whole', 'The assistant', text('local'), text('remote'), 'local')];
  }
  return disputed(conflict).map((field) =>
    group(field.path, field.path, words(field.local), words(field.remote), later(field), ages(field)),
  );
}

function later({ localAt, remoteAt }: ConflictField): Side {
  return (localAt ?? 0) > (remoteAt ?? 0) ? 'local' : 'remote';
}

function ages({ localAt, remoteAt }: ConflictField): { [S in Side]: string } {
  const age = (at: number | undefined) => (at === undefined ? '' : relative(at, Date.now()));
  return { local: age(localAt), remote: age(remoteAt) };
}

function group(
  name: string,
  label: string,
  local: string,
  remote: string,
  preferred: Side,
  age: { [S in Side]: string } = { local: '', remote: '' },
): HTMLElement {
  const texts = { local, remote };
  const choice = (side: Side) =>
    el(
      'label',
      { class: 'side', 'data-testid': `choice-${name}-${side}` },
      el('input', { type: 'radio', name: `choice-${name}`, value: side, checked: side === preferred }),
      el('span', { class: 'side-title' }, sides[side], age[side] && el('span', { class: 'hint' }, ` ${age[side]}`)),
      el('span', { class: 'side-value' }, texts[side]),
    );
  return el(
    'fieldset',
    { class: 'field choice', 'data-testid': 'conflict-field', 'data-field': name },
    el('legend', {}, label),
    el('div', { class: 'sides' }, choice('local'), choice('remote')),
  );
}

function chosenDocument(conflict: Conflict<Assistant>, form: HTMLFormElement): Assistant | null {
  const chosen = new FormData(form);
  const side = (name: string): Side => (chosen.get(`choice-${name}`) === 'local' ? 'local' : 'remote');
  const { local, remote } = conflict;
  if (!local || !remote) return conflict[side('whole')] ?? null;
  const own = disputed(conflict).filter((field) => side(field.path) === 'local');
  return { ...remote, ...Object.fromEntries(own.map((field) => [field.path, field.local])) };
}

function words(value: unknown): string {
  if (value === undefined || value === null || value === '') return 'nothing';
  if (Array.isArray(value)) return value.map(words).join(', ');
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
