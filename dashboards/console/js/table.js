// Tables. A long one draws only the rows that are seen, so ten thousand scroll like ten.
import {empty, figure, h} from './dom.js';

const kDrawnWhole = 200;
const kRowHeight = 30;

function cell(value) {
  if (value === null || value === undefined) return h('td', {}, '–');
  if (typeof value === 'number' || (typeof value === 'string' && /^-?\d+$/.test(value))) return h('td', {class: 'number'}, figure(value));
  if (typeof value === 'object' && value.element) return h('td', {}, value.element());
  if (typeof value === 'object') {
    const text = JSON.stringify(value);
    return h('td', {class: text.length > 60 ? 'wrap' : ''}, text.length > 400 ? `${text.slice(0, 400)}…` : text);
  }
  const text = String(value);
  // Ids, hashes and addresses: both ends tell them apart, the whole is in the title.
  if (text.length > 28 && /^[\w.:/+=-]+$/.test(text) && !text.startsWith('/')) return h('td', {title: text}, h('code', {}, `${text.slice(0, 12)}…${text.slice(-6)}`));
  return h('td', {class: text.length > 60 ? 'wrap' : '', title: text.length > 24 ? text : undefined}, text);
}

const order = (a, b) => {
  const x = Number(a), y = Number(b);
  if (!Number.isNaN(x) && !Number.isNaN(y)) return x - y;
  return String(a ?? '').localeCompare(String(b ?? ''));
};

export function columnsOf(rows) {
  const names = new Set();
  rows.slice(0, 50).forEach((row) => Object.keys(row).forEach((name) => names.add(name)));
  return [...names].slice(0, 14);
}

// options: columns, nothing (text when empty), onrow(row)
export function table(rows, options = {}) {
  if (!rows.length) return empty(options.nothing || 'Nothing here yet.');
  const columns = options.columns || columnsOf(rows);
  let sorted = rows, by = null, down = false;
  const long = rows.length > kDrawnWhole;
  const body = h('tbody');
  const line = (row) => {
    const tr = h('tr', options.onrow ? {class: 'link', tabindex: '0', onclick: () => options.onrow(row),
      onkeydown: (event) => { if (event.key === 'Enter') options.onrow(row); }} : {}, columns.map((name) => cell(row[name])));
    if (long) tr.style.height = `${kRowHeight}px`;
    return tr;
  };
  const gap = (height) => { const tr = h('tr'); tr.style.height = `${height}px`; return tr; };
  const box = h('div', {class: long ? 'table rows' : 'table', tabindex: '0'});
  function draw() {
    if (!long) return body.replaceChildren(...sorted.map(line));
    const first = Math.max(0, Math.floor(box.scrollTop / kRowHeight) - 10), shown = Math.ceil((box.clientHeight || 540) / kRowHeight) + 20;
    const rows_ = sorted.slice(first, first + shown);
    body.replaceChildren(gap(first * kRowHeight), ...rows_.map(line), gap(Math.max(0, sorted.length - first - rows_.length) * kRowHeight));
  }
  const head = h('tr', {}, columns.map((name) => h('th', {scope: 'col'}, h('button', {onclick: () => {
    down = by === name && !down;
    by = name;
    sorted = [...rows].sort((a, b) => (down ? -1 : 1) * order(a[name], b[name]));
    draw();
  }}, name.replaceAll('_', ' ')))));
  box.append(h('table', {}, h('thead', {}, head), body));
  if (long) {
    let waiting = false;
    box.addEventListener('scroll', () => {
      if (waiting) return;
      waiting = true;
      requestAnimationFrame(() => { waiting = false; draw(); });
    }, {passive: true});
  }
  draw();
  return long ? h('div', {}, h('p', {class: 'note'}, `${figure(rows.length)} rows`), box) : box;
}

// Any answer: a list of records becomes a table, the rest is shown as it is.
export function answer(value) {
  if (Array.isArray(value) && value.length && value.every((row) => row && typeof row === 'object' && !Array.isArray(row))) return table(value);
  if (value && typeof value === 'object' && !Array.isArray(value)) {
    const lists = Object.entries(value).filter(([, v]) => Array.isArray(v) && v.length && typeof v[0] === 'object');
    const plain = Object.entries(value).filter(([name]) => !lists.some(([other]) => other === name));
    return h('div', {}, plain.length ? h('div', {class: 'table'}, h('table', {}, h('tbody', {}, plain.map(([name, v]) =>
      h('tr', {}, h('th', {scope: 'row'}, name), cell(v)))))) : null, lists.map(([name, v]) => [h('h3', {}, name), table(v)]));
  }
  return h('pre', {}, typeof value === 'string' ? value : JSON.stringify(value, null, 2));
}
