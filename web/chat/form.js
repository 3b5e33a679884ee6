// Data forms in messages (XEP-0004): a form's fields as the browser's own, and what was filled in.

import { make } from './dom.js';

/**
 * formOf is a form to fill in; sent gets the fields' values, and the same as words for who reads no forms.
 * @param {Frontdesk.Form} form @param {(fields: [string, string[]][], words: string) => void} sent
 */
export function formOf(form, sent) {
  const named = form.title && !form.fields.some(f => f.label === form.title); // else the field says it
  const set = make('fieldset', {}, named ? make('legend', { textContent: form.title }) : null,
    form.instructions ? make('p', { textContent: form.instructions }) : null);
  /** @type {{ f: Frontdesk.Field, values(): string[], words(values: string[]): string }[]} */
  const fields = [];
  for (const f of form.fields) {
    if (f.type === 'fixed') set.append(make('p', { textContent: f.values.join('\n') }));
    else if (f.type === 'hidden') fields.push({ f, values: () => f.values, words: () => '' });
    else set.append(field(f, fields));
  }
  set.append(make('button', { className: 'main', textContent: T.submit }));
  return make('form', {
    className: 'form',
    onsubmit(/** @type {Event} */ e) {
      e.preventDefault();
      const filled = fields.map(x => ({ ...x, given: x.values() }));
      sent(filled.filter(x => x.f.name).map(x => [x.f.name, x.given]),
        filled.map(x => [x.f.label, x.words(x.given)]).filter(([, words]) => words).map(line => line.join(': ')).join('\n'));
      set.disabled = true;
    },
  }, set);
}

/** @param {Frontdesk.Field} f @param {{ f: Frontdesk.Field, values(): string[], words(values: string[]): string }[]} fields */
function field(f, fields) {
  const name = f.required ? f.label : make('span', { textContent: `${f.label} ` }, make('span', { className: 'hint', textContent: T.optional }));
  const common = { name: f.name, required: f.required };
  /** @param {string[]} values */
  const said = values => values.map(v => f.options.find(o => o.value === v)?.label ?? v).filter(Boolean).join(', ');
  if (f.type === 'list-single' && f.options.length <= 7 || f.type === 'list-multi') {
    const type = f.type === 'list-multi' ? 'checkbox' : 'radio';
    const group = f.options.map(o => make('input', { ...common, type, required: f.required && type === 'radio', value: o.value, checked: f.values.includes(o.value) }));
    for (const input of group) if (!input.name) input.name = f.label;
    fields.push({ f, values: () => group.filter(i => i.checked).map(i => i.value), words: said });
    return make('fieldset', { className: 'choice' }, make('legend', {}, name),
      ...group.map((input, i) => make('label', {}, input, f.options[i].label)));
  }
  if (f.type === 'boolean') {
    const input = make('input', { ...common, type: 'checkbox', checked: ['1', 'true'].includes(f.values[0]) });
    fields.push({ f, values: () => [input.checked ? '1' : '0'], words: () => (input.checked ? '✓' : '') });
    return make('label', { className: 'check' }, input, f.label);
  }
  let input;
  if (f.type === 'list-single') {
    input = make('select', common, make('option', { value: '', textContent: T.choose }),
      ...f.options.map(o => make('option', { value: o.value, textContent: o.label, selected: f.values.includes(o.value) })));
  } else if (f.type === 'text-multi' || f.type === 'jid-multi') input = make('textarea', { ...common, rows: 3, maxLength: 3000, value: f.values.join('\n') });
  else {
    const type = f.type === 'text-private' ? 'password' : /e-?mail/i.test(f.name) ? 'email' : 'text';
    input = make('input', { ...common, type, maxLength: 500, value: f.values[0] ?? '', autocomplete: type === 'email' ? 'email' : 'on' });
  }
  const box = input;
  fields.push({ f, values: () => (f.type.endsWith('-multi') ? box.value.split('\n') : box.value ? [box.value] : []), words: said });
  return make('label', {}, name, box);
}
