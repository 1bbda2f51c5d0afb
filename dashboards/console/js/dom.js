// Elements without markup in strings: text is always text, so nothing that a node answers can become script.

// h('p', {class: 'note', onclick: f}, 'text', child, [children])
export function h(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith('on')) element.addEventListener(key.slice(2), value);
    else if (key in element && key !== 'list' && typeof value !== 'string') element[key] = value;
    else element.setAttribute(key, value === true ? '' : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export const $ = (id) => document.getElementById(id);

// Numbers as people read them; big integers come as strings and stay exact.
const kThin = '\u202f';
export function figure(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return '–';
  if (typeof value === 'string') return /^-?\d+$/.test(value) ? value.replace(/\B(?=(\d{3})+$)/g, kThin) : value;
  if (typeof value !== 'number') return String(value);
  if (Number.isInteger(value)) return String(value).replace(/\B(?=(\d{3})+$)/g, kThin);
  const size = Math.abs(value);
  return value.toFixed(size >= 100 ? 0 : size >= 1 ? 2 : size >= 0.001 ? 4 : 7);
}

// At most five characters, for axes and legends.
export function short(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return '–';
  const size = Math.abs(value);
  for (const [from, mark] of [[1e12, 'T'], [1e9, 'G'], [1e6, 'M'], [1e4, 'k']]) if (size >= from) return `${Number((value / (mark === 'k' ? 1e3 : from)).toPrecision(3))}${mark}`;
  return String(Number(value.toPrecision(size >= 1000 ? 4 : 3)));
}

export function bytes(value) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let i = 0;
  for (; value >= 1024 && i < units.length - 1; i++) value /= 1024;
  return `${value >= 100 || i === 0 ? Math.round(value) : value.toFixed(1)} ${units[i]}`;
}

export function span(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 129600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} days`;
}

const two = (n) => String(n).padStart(2, '0');
export const clock = (milliseconds) => { const d = new Date(milliseconds); return `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`; };
export const dateTime = (milliseconds) => { const d = new Date(milliseconds); return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())} ${clock(milliseconds)}`; };
// Today only the hour, else the date as well.
export const when = (milliseconds) => (new Date(milliseconds).toDateString() === new Date().toDateString() ? clock(milliseconds) : dateTime(milliseconds));

// Ids, hashes and addresses: both ends tell them apart, the whole is in the title and is what a double click copies.
export function shortId(text, ends = 8) {
  const whole = String(text);
  return whole.length <= 2 * ends + 4 ? h('code', {}, whole) : h('code', {title: whole}, `${whole.slice(0, ends)}…${whole.slice(-ends + 2)}`);
}

const kGood = new Set(['running', 'active', 'activated', 'finalized', 'approved', 'resolved', 'settled', 'ok', 'yes', 'applied', 'closed', 'passed', 'valid', 'silent']);
const kBad = new Set(['failed', 'missing', 'rejected', 'rolled_back', 'slashed', 'error', 'critical', 'no', 'inactive', 'disabled', 'suspended', 'firing', 'charged']);
export const chip = (state, kind) => h('span', {class: `chip ${kind || (kGood.has(state) ? 'good' : kBad.has(state) ? 'bad' : ['open', 'voting', 'pending', 'queued', 'warning', 'warn', 'timelocked', 'executed', 'migrating'].includes(state) ? 'warn' : 'plain')}`}, String(state).replaceAll('_', ' '));

// A sentence in which `what stands in backticks` is code.
export const words = (text) => String(text).split('`').map((part, i) => (i % 2 ? h('code', {}, part) : part));

// What a page shows while it waits, when there is nothing, and when it failed.
export const loading = () => h('p', {class: 'note loading', 'aria-busy': 'true'}, 'Loading…');
export const empty = (text) => h('p', {class: 'note empty'}, words(text));
export function failed(error) {
  const hint = error.code === -32601 ? 'This role does not see it: log in as operator or admin.' : error.data && error.data.hint;
  const name = error.data && error.data.name ? h('code', {}, `${error.data.name} ${error.code}`) : null;
  return h('div', {class: 'error', role: 'alert'}, h('strong', {}, error.message || String(error)), ' ', name, hint ? h('div', {}, hint) : null);
}
