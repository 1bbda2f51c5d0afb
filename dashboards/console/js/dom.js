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
export function figure(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return '–';
  if (typeof value === 'string') return /^-?\d+$/.test(value) ? value.replace(/\B(?=(\d{3})+$)/g, ' ') : value;
  if (typeof value !== 'number') return String(value);
  if (Number.isInteger(value)) return String(value).replace(/\B(?=(\d{3})+$)/g, ' ');
  const size = Math.abs(value);
  return value.toFixed(size >= 100 ? 0 : size >= 1 ? 2 : size >= 0.001 ? 4 : 7);
}

export function ago(milliseconds) {
  const seconds = Math.max(0, Math.round((Date.now() - milliseconds) / 1000));
  if (seconds < 90) return `${seconds} s ago`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 129600) return `${Math.round(seconds / 3600)} h ago`;
  return new Date(milliseconds).toISOString().slice(0, 10);
}

export const isoTime = (milliseconds) => new Date(milliseconds).toISOString().replace('T', ' ').slice(0, 19);

// What a page shows while it waits, when there is nothing, and when it failed.
export const loading = () => h('p', {class: 'note'}, 'Loading…');
export const empty = (text) => h('p', {class: 'note'}, text);
export function failed(error) {
  const hint = error.code === -32601 ? 'This role does not see it: log in as operator or admin.' : error.data && error.data.hint;
  return h('p', {class: 'error', role: 'alert'}, error.message || String(error), hint ? h('br') : null, hint || null);
}
