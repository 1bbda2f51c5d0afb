// A method of any plugin as a form: made from what rpc.discover says of it.
import {rpc} from './api.js';
import {failed, h, loading} from './dom.js';
import {answer} from './table.js';

const kIntegers = new Set(['u8', 'u16', 'u32', 'u64', 'u128', 'i64']);
const kMostChoices = 40;

function range(field) {
  const parts = [];
  if (field.min !== undefined || field.max !== undefined) parts.push(`${field.min ?? ''}..${field.max ?? ''}`);
  if (field.unit) parts.push(field.unit);
  return parts.length ? ` (${parts.join(' ')})` : '';
}

function input(field, id) {
  const value = field.default === undefined || field.default === null ? '' : typeof field.default === 'object' ? JSON.stringify(field.default) : String(field.default);
  if (field.type === 'bool') return h('input', {id, type: 'checkbox', checked: field.default === true});
  if (field.choices && field.choices.length <= kMostChoices) {
    return h('select', {id}, field.optional ? h('option', {value: ''}, '–') : null,
      field.choices.map((choice) => h('option', {value: choice, selected: choice === field.default}, choice)));
  }
  if (['record', 'list', 'any'].includes(field.type)) return h('textarea', {id, placeholder: 'JSON', spellcheck: 'false'}, value);
  const required = field.optional || field.default !== undefined ? {} : {required: true};
  if (kIntegers.has(field.type)) return h('input', {id, inputmode: 'numeric', pattern: '-?[0-9]+', value, ...required});
  return h('input', {id, type: field.secret ? 'password' : 'text', autocomplete: 'off', spellcheck: 'false', value, ...required});
}

// The field's value; undefined when it was left empty.
function read(field, element) {
  if (field.type === 'bool') return element.checked;
  const text = element.value.trim();
  if (text === '') return undefined;
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

// The form's elements. `preset` gives values; `onresult` is told of each answer.
export function methodForm(method, preset = {}, onresult = () => {}) {
  const about = method['x-tb'], fields = method.params.map((param) => param['x-tb']);
  const prefix = `f${made++}-`, out = h('div', {'aria-live': 'polite'});
  const inputs = fields.map((field) => {
    const element = input(field, prefix + field.name);
    if (preset[field.name] !== undefined) element.value = String(preset[field.name]);
    return element;
  });
  async function call(dry) {
    let params;
    try {
      params = {};
      fields.forEach((field, i) => {
        const value = read(field, inputs[i]);
        if (value !== undefined && !(field.type === 'bool' && field.optional && value === false)) params[field.name] = value;
      });
    } catch (error) {
      return out.replaceChildren(failed(error));
    }
    if (dry) params._tx = {dry_run: true};
    out.replaceChildren(loading());
    try {
      const result = await rpc(method.name, params);
      out.replaceChildren(dry ? h('p', {class: 'good'}, 'Dry run: it would be applied now.') : null, answer(result));
      if (!dry) onresult(result);
    } catch (error) {
      out.replaceChildren(failed(error));
    }
  }
  const command = about.kind === 'command';
  const form = h('form', {onsubmit: (event) => { event.preventDefault(); call(false); }},
    fields.length ? h('div', {class: 'fields'}, fields.map((field, i) => [
      h('label', {for: prefix + field.name}, field.name + (inputs[i].required ? ' *' : '')), inputs[i],
      field.help || range(field) ? h('small', {}, (field.help || '') + range(field)) : null])) : null,
    h('p', {class: 'actions'}, h('button', {type: 'submit'}, command ? 'Send' : about.kind === 'query' ? 'Ask' : 'Do'),
      command ? h('button', {type: 'button', class: 'quiet', onclick: () => { if (form.reportValidity()) call(true); }}, 'Dry run') : null,
      h('span', {class: 'note'}, `role ${about.role || 'open'}`)));
  return h('div', {}, form, out);
}

// Closed until it is wanted.
export function methodBox(method, preset, onresult) {
  const box = h('details', {class: 'method'}, h('summary', {}, h('code', {}, method.name), ' ', h('span', {}, method.summary || '')));
  box.addEventListener('toggle', () => {
    if (box.open && box.children.length === 1) box.append(methodForm(method, preset, onresult));
  });
  return box;
}
