// A method of any plugin as a form: made from what rpc.discover says of it.
import {discover, may, rpc, whoami} from './api.js';
import {chip, failed, figure, h, loading, shortId, words} from './dom.js';
import {answer} from './table.js';

const kIntegers = new Set(['u8', 'u16', 'u32', 'u64', 'u128', 'i64']);
const kMostChoices = 40;
const kDeepest = 3;  // records inside records that get fields of their own

function about(field) {
  const range = field.min !== undefined || field.max !== undefined ? `${field.min ?? ''}..${field.max ?? ''}` : '';
  const more = [range, field.unit].filter(Boolean).join(' ');
  return [field.help, more ? `(${more})` : ''].filter(Boolean).join(' ');
}

const listOfText = (field) => field.type === 'list' && field.items && ['string', 'hash', 'account', 'bytes'].includes(field.items.type);

function input(field, id, preset) {
  const given = preset !== undefined ? preset : field.default ?? '';
  const value = typeof given === 'object' ? JSON.stringify(given) : String(given);
  const required = field.optional || field.default !== undefined ? {} : {required: true};
  if (field.type === 'bool') return h('input', {id, type: 'checkbox', checked: given === true});
  if (field.choices && field.choices.length <= kMostChoices) {
    return h('select', {id}, field.optional ? h('option', {value: ''}, '–') : null,
      field.choices.map((choice) => h('option', {value: choice, selected: choice === given}, choice)));
  }
  if (listOfText(field)) return h('input', {id, value: value === '[]' ? '' : value, placeholder: 'one, two, three', spellcheck: 'false', ...required});
  if (['record', 'list'].includes(field.type)) return h('textarea', {id, placeholder: 'JSON', spellcheck: 'false', ...required}, value);
  if (kIntegers.has(field.type)) return h('input', {id, inputmode: 'numeric', pattern: '-?[0-9]+', title: 'a whole number', value, ...required});
  if (value.includes('\n') || ['source', 'script', 'text'].includes(field.name)) return h('textarea', {id, spellcheck: 'false', ...required}, value);
  return h('input', {id, type: field.secret ? 'password' : 'text', autocomplete: 'off', spellcheck: 'false', value, ...required});
}

// The field's value; undefined when it was left empty.
function read(field, element) {
  if (field.type === 'bool') return field.optional && !element.checked ? undefined : element.checked;
  const text = element.value.trim();
  if (text === '') return undefined;
  if (listOfText(field) && !text.startsWith('[')) return text.split(/[\s,]+/).filter(Boolean);
  if (['record', 'list', 'any'].includes(field.type)) {
    try {
      return JSON.parse(text);
    } catch (error) {
      if (field.type === 'any') return text;
      throw new Error(`${field.name}: not JSON: ${error.message}`, {cause: error});
    }
  }
  return text;  // numbers as text: the node takes them so, and no digit is lost
}

let made = 0;

// Fields of a record: {rows: elements, value()}; value() is undefined when nothing was filled in.
function fieldsOf(fields, preset, depth) {
  const prefix = `f${made++}-`;
  const parts = fields.map((field) => {
    if (field.type === 'record' && field.fields && field.fields.length && depth < kDeepest) {
      const inner = fieldsOf(field.fields, preset[field.name] || {}, depth + 1);
      if (field.optional) inner.rows.forEach((row) => row.querySelectorAll && row.querySelectorAll('[required]').forEach((one) => { one.required = false; }));
      return {name: field.name, rows: [h('fieldset', {}, h('legend', {}, field.name.replaceAll('_', ' '), field.help ? h('small', {}, ` ${field.help}`) : null), h('div', {class: 'fields'}, inner.rows))], value: inner.value};
    }
    const element = input(field, prefix + field.name, preset[field.name]), help = about(field);
    const row = h('div', {class: 'field'}, h('label', {for: prefix + field.name}, field.name.replaceAll('_', ' '), element.required ? h('b', {'aria-hidden': 'true'}, ' *') : null), element,
      help ? h('small', {}, words(help)) : null);
    return {name: field.name, rows: [row], value: () => read(field, element), quiet: field.type === 'bool'};
  });
  return {rows: parts.flatMap((part) => part.rows), value() {
    const out = {};
    let filled = false;
    for (const part of parts) {
      const value = part.value();
      if (value === undefined) continue;
      out[part.name] = value;
      if (!part.quiet) filled = true;
    }
    return filled || depth === 0 ? out : undefined;
  }};
}

function done(method, result, dry) {
  if (dry) return [h('p', {class: 'good', role: 'status'}, 'Dry run: it would be applied now. Nothing was sent.'), answer(result)];
  if (method['x-tb'].kind !== 'command' || !result || typeof result !== 'object') return answer(result);
  const {height, hash, command_id: id, ...rest} = result;
  return [h('p', {class: 'good', role: 'status'}, `Applied in block ${figure(height)}. `, id ? ['Command ', shortId(id)] : null), Object.keys(rest).length ? answer(rest) : null];
}

// The form's elements. `preset` gives values; `onresult` is told of each answer that changed something.
export function methodForm(method, preset = {}, onresult = () => {}) {
  const role = method['x-tb'].role || 'open', kind = method['x-tb'].kind, out = h('div', {'aria-live': 'polite', class: 'result'});
  const fields = fieldsOf(method.params.map((param) => param['x-tb']), preset, 0);
  let busy = false;
  async function call(dry) {
    if (busy) return;
    busy = true;
    out.replaceChildren(loading());
    try {
      const params = fields.value();
      if (dry) params._tx = {dry_run: true};
      const result = await rpc(method.name, params);
      out.replaceChildren(...[done(method, result, dry)].flat().filter(Boolean));
      if (!dry && kind !== 'query') onresult(result);
    } catch (error) {
      out.replaceChildren(failed(error));
    }
    busy = false;
  }
  const send = h('button', {type: 'submit'}, kind === 'query' ? 'Ask' : kind === 'command' ? 'Send' : 'Run');
  const dry = kind === 'command' ? h('button', {type: 'button', class: 'quiet', onclick: () => { if (form.reportValidity()) call(true); }}, 'Dry run') : null;
  const note = h('span', {class: 'note'});
  const form = h('form', {onsubmit: (event) => { event.preventDefault(); call(false); }},
    fields.rows.length ? h('div', {class: 'fields'}, fields.rows) : null, h('p', {class: 'actions'}, send, dry, note));
  whoami().then((me) => {
    const allowed = may(me, role);
    send.disabled = allowed === false;
    if (dry) dry.disabled = allowed === false;
    note.replaceChildren(...(allowed === false ? [chip(`needs ${role}`, 'warn'), ` You are ${me.role}: log in with a token of that role (key l).`] : role === 'open' ? [] : [`role ${role}`]));
  }, () => {});
  return h('div', {}, form, out);
}

// Closed until it is wanted.
export function methodBox(method, preset, onresult) {
  const role = method['x-tb'].role;
  const box = h('details', {class: 'method'}, h('summary', {}, h('code', {}, method.name), ' ', h('span', {}, words(method.summary || '')), role && role !== 'open' && method['x-tb'].kind !== 'query' ? chip(role, 'plain') : null));
  box.addEventListener('toggle', () => {
    if (box.open && box.children.length === 1) box.append(methodForm(method, preset, onresult));
  });
  return box;
}

// Boxes for those of `names` that this caller sees.
export function methodBoxes(names, onresult) {
  const hole = h('div', {}, loading());
  discover().then(({byName}) => {
    const some = names.filter((name) => byName.has(name));
    hole.replaceChildren(...(some.length ? some.map((name) => methodBox(byName.get(name), {}, onresult)) : [h('p', {class: 'note'}, 'This role may do nothing here. Log in (key l).')]));
  }, (error) => hole.replaceChildren(failed(error)));
  return hole;
}

// A form for one method with values filled in, for a sheet; null when this caller does not see the method.
export async function presetForm(name, preset, onresult) {
  const method = (await discover()).byName.get(name);
  return method ? h('section', {class: 'preset'}, h('h3', {}, words(method.summary || name)), methodForm(method, preset, onresult)) : null;
}
