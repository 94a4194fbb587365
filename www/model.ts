// What an assistant is, and what makes one valid. The same `validate` guards the form (while typing)
// and the collection (whatever the page does), so nothing invalid is ever stored or queued.
//
// Documents may come from other clients and lack optional fields: everything but `id` and `name` is
// optional here, and every reader copes. No DOM, no database in this file.

export interface Assistant {
  id: string;
  name: string;
  category?: string;
  emoji?: string;
  description?: string;
  prompt?: string;
  tags?: string[];
  /** Set by the server, ISO 8601. */
  createdAt?: string;
  updatedAt?: string;
}

/** The part of an assistant that a person edits. */
export interface AssistantFields {
  name: string;
  category: string;
  emoji: string;
  description: string;
  prompt: string;
  tags: string[];
}
export type FieldName = keyof AssistantFields;
export type FieldErrors = { [field: string]: string };

export const fieldNames: readonly FieldName[] = ['name', 'emoji', 'category', 'description', 'prompt', 'tags'];

export const categories: readonly { value: string; label: string }[] = [
  { value: 'navigation', label: 'Navigation' },
  { value: 'writing', label: 'Writing' },
  { value: 'research', label: 'Research' },
  { value: 'coding', label: 'Coding' },
  { value: 'learning', label: 'Learning' },
  { value: 'everyday', label: 'Everyday' },
];

export const emojis: readonly string[] = [
  '🧭',
  '⚓',
  '🐙',
  '🐋',
  '🦀',
  '🐚',
  '🌊',
  '🗺️',
  '🔭',
  '📝',
  '📚',
  '🧪',
  '💡',
  '🎧',
  '🍳',
  '🤖',
];

/** Those of the reference server where it has any, so that its documents can all be edited here. */
export const limits = { name: 100, description: 2000, prompt: 2000, tags: 6, tag: 24 } as const;

/** Messages by field, or nothing when the assistant is valid. */
export function validate(doc: Partial<Assistant>): FieldErrors | undefined {
  const errors: FieldErrors = {};
  const name = (doc.name ?? '').trim();
  if (name === '') errors.name = 'Give the assistant a name.';
  else tooLong(errors, 'name', name, limits.name);
  tooLong(errors, 'description', doc.description ?? '', limits.description);
  tooLong(errors, 'prompt', doc.prompt ?? '', limits.prompt);
  const tagError = tagProblem(doc.tags ?? []);
  if (tagError) errors.tags = tagError;
  return Object.keys(errors).length > 0 ? errors : undefined;
}

export function fieldsOf(doc: Partial<Assistant>): AssistantFields {
  return {
    name: doc.name ?? '',
    category: doc.category ?? 'everyday',
    emoji: doc.emoji ?? '🤖',
    description: doc.description ?? '',
    prompt: doc.prompt ?? '',
    tags: doc.tags ?? [],
  };
}

/** Only what differs: fields that nobody touched here stay as another tab or device made them. */
export function changedFields(before: AssistantFields, after: AssistantFields): Partial<AssistantFields> {
  const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);
  const changed = Object.entries(after).filter(([k, value]) => !same(value, before[k as FieldName]));
  return Object.fromEntries(changed);
}

export function categoryLabel(value: string | undefined): string {
  return categories.find((category) => category.value === value)?.label ?? value ?? 'Everyday';
}

export function parseTags(text: string): string[] {
  const tags = text.split(',').map((tag) => tag.trim().toLowerCase());
  return [...new Set(tags)].filter((tag) => tag !== '');
}

/** Whether every word of the search occurs somewhere in the assistant. */
export function matches(doc: Assistant, search: string): boolean {
  const text = [doc.name, doc.description, doc.prompt, ...(doc.tags ?? [])].join(' ').toLowerCase();
  return search
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

function tooLong(errors: FieldErrors, field: FieldName, text: string, limit: number): void {
  const length = [...text].length;
  if (length > limit) errors[field] = `At most ${limit} characters; this has ${length}.`;
}

function tagProblem(tags: string[]): string | undefined {
  if (tags.length > limits.tags) return `At most ${limits.tags} tags; these are ${tags.length}.`;
  if (tags.some((tag) => [...tag].length > limits.tag)) return `A tag has at most ${limits.tag} characters.`;
  return undefined;
}
