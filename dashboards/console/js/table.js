// Tables. A long one draws only the rows that are seen, so ten thousand scroll like ten.
import {chip, dateTime, empty, figure, h, shortId, when} from './dom.js';

const kDrawnWhole = 200;
const kRowHeight = 30;
const kMostColumns = 14;
const kSpare = 60;            // rows drawn above and below what is seen: a fast hand passes thousands of pixels before this page is asked again
const kNear = 30;             // and drawn anew when fewer are left
const kMeasured = 300;        // rows that decide how wide a column of a long table is
const kWidestColumn = 60;     // characters

const isNumber = (value) => typeof value === 'number' || (typeof value === 'string' && /^-?\d+$/.test(value));

// What a value looks like when nobody said how to show it. Times are told by the field's name.
function show(value, name) {
  if (value === null || value === undefined || value === '') return '–';
  if (value instanceof Node) return value;
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (name === 'ts' || name.endsWith('_ms')) return isNumber(value) && Number(value) > 1e12 ? h('time', {title: dateTime(Number(value))}, when(Number(value))) : figure(value);
  if (/(_at|_time|^time|timestamp)$/.test(name) && isNumber(value) && Number(value) > 1e9) {
    const milliseconds = Number(value) > 1e12 ? Number(value) : Number(value) * 1000;
    return h('time', {title: dateTime(milliseconds)}, when(milliseconds));
  }
  if (isNumber(value)) return figure(value);
  if (['state', 'status', 'severity', 'level', 'outcome'].includes(name) && typeof value === 'string') return chip(value);
  if (typeof value === 'object') {
    const text = JSON.stringify(value);
    return text.length > 300 ? `${text.slice(0, 300)}…` : text;
  }
  const text = String(value);
  return text.length > 28 && /^[A-Za-z0-9+=:-]+$/.test(text) && /\d/.test(text) ? shortId(text) : text;
}

const order = (a, b) => {
  const x = Number(a), y = Number(b);
  if (!Number.isNaN(x) && !Number.isNaN(y)) return x - y;
  return String(a ?? '').localeCompare(String(b ?? ''));
};

function columnsOf(rows) {
  const names = new Set();
  rows.slice(0, 50).forEach((row) => Object.keys(row).forEach((name) => names.add(name)));
  return [...names].slice(0, kMostColumns);
}

// columns: 'key' or {key, title, show(value, row) -> node or text, wrap: true for texts of several lines}; a title is made of the key.
function specsOf(rows, options) {
  return (options.columns || columnsOf(rows)).map((column) => {
    const spec = typeof column === 'string' ? {key: column} : column;
    const first = rows.find((row) => row[spec.key] !== undefined && row[spec.key] !== null);
    const shown = first && (spec.show ? spec.show(first[spec.key], first) : show(first[spec.key], spec.key));
    const number = Boolean(first) && spec.text !== true && !(shown instanceof Node) && isNumber(first[spec.key]) && (!spec.show || /^-?[\d\u202f]+$/.test(shown));
    return {title: spec.key.replaceAll('_', ' '), number, ...spec};
  });
}

const textOf = (value) => (value === null || value === undefined ? '' : typeof value === 'object' ? JSON.stringify(value) : String(value));

// Fixed widths for a long table: else they would jump while rows come and go.
function widths(rows, specs) {
  return specs.map((spec) => {
    let most = spec.title.length + 2;
    for (const row of rows.slice(0, kMeasured)) {
      const shown = spec.show ? spec.show(row[spec.key], row) : show(row[spec.key], spec.key);
      most = Math.max(most, (shown instanceof Node ? shown.textContent : String(shown)).length);
    }
    return Math.min(kWidestColumn, most);
  });
}

// options: columns, nothing (text when empty), onrow(row), filter (true: a field that keeps rows with a text), height (CSS), name (a class of its own)
export function table(rows, options = {}) {
  if (!rows.length) return empty(options.nothing || 'Nothing here yet.');
  const specs = specsOf(rows, options), long = rows.length > kDrawnWhole;
  let kept = rows, sorted = rows, by = null, down = false, drawnFrom = 0, drawnTo = 0;
  const body = h('tbody');
  const line = (row) => {
    const open = options.onrow ? {class: 'link', tabindex: '0', onclick: () => { if (!String(getSelection())) options.onrow(row); },
      onkeydown: (event) => {
        if (event.key !== 'Enter' || event.target !== event.currentTarget) return;
        event.preventDefault();  // else the same key presses the button that gets the focus
        options.onrow(row);
      }} : {};
    return h('tr', open, specs.map((spec) => {
      const content = spec.show ? spec.show(row[spec.key], row) : show(row[spec.key], spec.key);
      const wide = !(content instanceof Node) && String(content).length > 40;
      return h('td', {class: spec.number ? 'number' : (wide || spec.wrap) && !long ? 'wrap' : undefined, title: wide && long ? String(content) : undefined}, content);
    }));
  };
  const above = h('tr', {'aria-hidden': 'true', class: 'gap'}), below = h('tr', {'aria-hidden': 'true', class: 'gap'});
  const box = h('div', {class: `table${long ? ' rows' : ''}${options.name ? ` ${options.name}` : ''}`, tabindex: '0'});
  if (options.height && !long) box.style.maxHeight = options.height;
  function draw(force = true) {
    if (!long) return body.replaceChildren(...sorted.map(line));
    const seen = Math.ceil((box.clientHeight || 540) / kRowHeight), top = Math.floor(box.scrollTop / kRowHeight), last = Math.min(sorted.length, top + seen);
    if (!force && (drawnFrom === 0 || top - drawnFrom >= kNear) && (drawnTo === sorted.length || drawnTo - last >= kNear)) return;
    const from = Math.max(0, Math.min(top, last) - kSpare), to = Math.min(sorted.length, last + kSpare);
    if (force || from >= drawnTo || to <= drawnFrom) {
      body.replaceChildren(above, ...sorted.slice(from, to).map(line), below);
    } else {  // only what came and what went
      for (; drawnFrom < from; drawnFrom++) above.nextSibling.remove();
      for (; drawnTo > to; drawnTo--) below.previousSibling.remove();
      above.after(...sorted.slice(from, drawnFrom).map(line));
      below.before(...sorted.slice(drawnTo, to).map(line));
    }
    drawnFrom = from;
    drawnTo = to;
    above.style.height = `${from * kRowHeight}px`;
    below.style.height = `${(sorted.length - to) * kRowHeight}px`;
  }
  const heads = specs.map((spec) => {
    const head = h('th', {scope: 'col', class: spec.number ? 'number' : undefined}, h('button', {type: 'button', onclick: () => {
      down = by === spec.key ? !down : false;
      by = spec.key;
      heads.forEach((other) => other.removeAttribute('aria-sort'));
      head.setAttribute('aria-sort', down ? 'descending' : 'ascending');
      arrange();
    }}, spec.title));
    return head;
  });
  function arrange() {
    sorted = by === null ? kept : [...kept].sort((a, b) => (down ? -1 : 1) * order(a[by], b[by]));
    draw();
  }
  const columns = h('colgroup');
  if (long) {
    columns.append(...widths(rows, specs).map((n) => { const col = h('col'); col.style.width = `${n + 3}ch`; return col; }));
    box.addEventListener('scroll', () => draw(false), {passive: true});
  }
  box.append(h('table', {}, columns, h('thead', {}, h('tr', {}, heads)), body));
  draw();
  if (!options.filter && !long) return box;
  const count = h('span', {class: 'note'}, `${figure(rows.length)} rows`);
  const filter = h('input', {type: 'search', placeholder: 'Filter', 'aria-label': 'Filter', oninput: () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    kept = words.length ? rows.filter((row) => { const text = Object.values(row).map(textOf).join(' ').toLowerCase(); return words.every((word) => text.includes(word)); }) : rows;
    count.textContent = kept.length === rows.length ? `${figure(rows.length)} rows` : `${figure(kept.length)} of ${figure(rows.length)} rows`;
    arrange();
  }});
  return h('div', {}, h('p', {class: 'actions'}, filter, count), box);
}

// Any answer: a list of records becomes a table, the rest is shown as it is.
export function answer(value) {
  const isRecord = (one) => one && typeof one === 'object' && !Array.isArray(one);
  if (Array.isArray(value) && value.length && value.every(isRecord)) return table(value, {filter: value.length > 12});
  if (Array.isArray(value) && !value.length) return empty('The answer is an empty list.');
  if (isRecord(value)) {
    const lists = Object.entries(value).filter(([, v]) => Array.isArray(v) && v.length && v.every(isRecord));
    const records = Object.entries(value).filter(([, v]) => isRecord(v) && Object.keys(v).length);
    const plain = Object.entries(value).filter(([name]) => !lists.some(([other]) => other === name) && !records.some(([other]) => other === name));
    return h('div', {}, plain.length ? h('div', {class: 'table'}, h('table', {class: 'pairs'}, h('tbody', {}, plain.map(([name, v]) =>
      h('tr', {}, h('th', {scope: 'row'}, name.replaceAll('_', ' ')), h('td', {class: 'wrap'}, show(v, name))))))) : null,
    records.map(([name, v]) => [h('h3', {}, name.replaceAll('_', ' ')), answer(v)]), lists.map(([name, v]) => [h('h3', {}, name.replaceAll('_', ' ')), answer(v)]));
  }
  if (typeof value === 'string' && value.includes('\n')) return h('pre', {}, value);
  return h('pre', {}, typeof value === 'string' ? value : JSON.stringify(value, null, 2));
}
