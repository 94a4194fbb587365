// The dialog to create or edit an assistant. Each field is checked while it is typed in and says what is
// wrong beneath itself; what the server refused appears at the same place until the field is changed.
//
// It stores nothing: `save` gets the fields, and the dialog closes when they are durable. Escape keeps what
// was typed for the next "New assistant"; Cancel throws it away.

import { isSeakeepError } from 'seakeep';
import { byId, el, isBusy, setAttribute, setBusy, setText } from './dom.js';
import {
  type AssistantFields,
  categories,
  emojis,
  type FieldErrors,
  type FieldName,
  fieldNames,
  fieldsOf,
  parseTags,
  validate,
} from './model.js';
import { readable } from './undo.js';

export interface FormRequest {
  title: string;
  fields: AssistantFields;
  /** Why it is open again: the server's words and the fields it refused. */
  reason?: string | undefined;
  refused?: FieldErrors | undefined;
  save(fields: AssistantFields): Promise<void>;
}

export interface Form {
  open(request: FormRequest): void;
  openNew(save: (fields: AssistantFields) => Promise<void>): void;
}

type TextField = HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement;

export function createForm(): Form {
  const dialog = byId('form-dialog', HTMLDialogElement);
  const form = byId('form', HTMLFormElement);
  const saveButton = byId('save', HTMLButtonElement);
  const touched = new Set<FieldName>();
  let request: FormRequest | undefined;
  let refused: FieldErrors = {};
  let draft: AssistantFields | undefined;
  let isNew = false;

  fillChoices();

  function show(next: FormRequest): void {
    request = next;
    refused = { ...next.refused };
    touched.clear();
    setText(byId('form-title', HTMLElement), next.title);
    setText(byId('form-error', HTMLElement), next.reason ?? '');
    write(next.fields);
    check();
    dialog.showModal();
    const firstRefused = fieldNames.find((field) => refused[field]);
    control(firstRefused ?? 'name').focus();
  }

  function check(): FieldErrors {
    const errors = validate(read()) ?? {};
    for (const field of fieldNames) {
      const own = touched.has(field) ? errors[field] : undefined;
      showError(field, own ?? refused[field]);
    }
    return errors;
  }

  function touch(event: Event): void {
    const field = fieldNames.find((one) => one === (event.target as TextField).name);
    if (!field) return;
    touched.add(field);
    if (event.type === 'input') delete refused[field];
    check();
  }

  async function submit(): Promise<void> {
    for (const field of fieldNames) touched.add(field);
    const errors = check();
    const first = fieldNames.find((field) => errors[field]);
    if (first) return control(first).focus();
    if (!request || isBusy(saveButton)) return;
    setBusy(saveButton, true);
    try {
      await request.save(read());
      draft = undefined;
      dialog.close('saved');
    } catch (error) {
      refuse(error);
    } finally {
      setBusy(saveButton, false);
    }
  }

  function refuse(error: unknown): void {
    if (!isSeakeepError(error)) console.error(error);
    refused = isSeakeepError(error) ? { ...error.fields } : {};
    setText(byId('form-error', HTMLElement), readable(error));
    check();
  }

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void submit();
  });
  form.addEventListener('input', touch);
  form.addEventListener('focusout', touch);
  byId('cancel', HTMLButtonElement).addEventListener('click', () => dialog.close('cancelled'));
  dialog.addEventListener('cancel', () => {
    if (isNew) draft = read();
  });
  dialog.addEventListener('close', () => {
    if (isNew && dialog.returnValue === 'cancelled') draft = undefined;
    dialog.returnValue = '';
  });

  return {
    open(next) {
      isNew = false;
      show(next);
    },
    openNew(save) {
      isNew = true;
      show({ title: 'New assistant', fields: draft ?? fieldsOf({ emoji: '🧭' }), save });
    },
  };
}

function control(field: FieldName): TextField {
  const selector = field === 'emoji' ? '[name=emoji]:checked' : `[name=${field}]`;
  const found = byId('form', HTMLFormElement).querySelector<TextField>(selector);
  if (!found) throw new Error(`The form has no field ${field}`);
  return found;
}

function read(): AssistantFields {
  const text = (field: FieldName) => control(field).value.trim();
  return {
    name: text('name'),
    category: text('category'),
    emoji: text('emoji'),
    description: text('description'),
    prompt: text('prompt'),
    tags: parseTags(text('tags')),
  };
}

/** Values made elsewhere (another emoji, another category) become choices of their own, so nothing is lost. */
function write(fields: AssistantFields): void {
  const category = control('category') as HTMLSelectElement;
  if (![...category.options].some((option) => option.value === fields.category)) {
    category.append(new Option(fields.category, fields.category));
  }
  if (!emojiInput(fields.emoji)) byId('emoji-choices', HTMLElement).append(emojiChoice(fields.emoji));
  const chosen = emojiInput(fields.emoji);
  if (chosen) chosen.checked = true;
  for (const field of ['name', 'category', 'description', 'prompt'] as const) {
    control(field).value = fields[field];
  }
  control('tags').value = fields.tags.join(', ');
}

function showError(field: FieldName, message: string | undefined): void {
  setText(byId(`error-${field}`, HTMLElement), message ?? '');
  const target = field === 'emoji' ? byId('emoji-choices', HTMLElement) : control(field);
  setAttribute(target, 'aria-invalid', message ? 'true' : undefined);
}

function fillChoices(): void {
  const category = control('category');
  for (const { value, label } of categories) category.append(new Option(label, value));
  byId('emoji-choices', HTMLElement).append(...emojis.map(emojiChoice));
}

function emojiChoice(emoji: string): HTMLElement {
  const input = el('input', { type: 'radio', name: 'emoji', value: emoji, 'aria-label': emoji });
  return el(
    'label',
    { class: 'emoji-choice' },
    input,
    el('span', { class: 'emoji-face', 'aria-hidden': 'true' }, emoji),
  );
}

function emojiInput(emoji: string): HTMLInputElement | undefined {
  const inputs = byId('emoji-choices', HTMLElement).querySelectorAll<HTMLInputElement>('input');
  return [...inputs].find((input) => input.value === emoji);
}
