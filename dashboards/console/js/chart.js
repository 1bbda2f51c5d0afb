// Live charts: of a metric family, of an expression of a manifest, or of points that a page brings.
import {clock, figure, h, short} from './dom.js';
import {evaluate} from './evaluate.js';
import * as metrics from './metrics.js';
import {parse} from './promql.js';

const kColours = ['#2f8f67', '#c77a1b', '#4a6fd0', '#b0449b', '#7d7a2c', '#2a8fa8', '#b3453c', '#6d6f76'];
const kMaxLines = 8;
const kHeight = 140;
const kBackPoints = 60;  // of an expression, computed for the time before the chart was opened
const kTickSeconds = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 86400, 604800];  // no label twice
const kWords = {counter: 'a second', histogram: 'mean, s'};

// Labels as people say them: values alone, since the title tells what they are of.
const labelText = (labels) => Object.entries(labels).filter(([name]) => name !== 'le').map(([, value]) => (value === '' ? '(all)' : value)).join(' · ');
// A whole number in full as long as it fits above a chart.
const headline = (value) => (Number.isInteger(value) && Math.abs(value) < 1e9 ? figure(value) : short(value));
// One or two values make no line that can be seen.
const isFew = (plot, series) => plot.data[series].reduce((n, value) => n + (value === null || value === undefined ? 0 : 1), 0) < 3;
const newest = (values) => { for (let i = values.length - 1; i >= Math.max(0, values.length - 5); i--) if (values[i] !== null && values[i] !== undefined) return values[i]; return null; };

function familyLines(name) {
  const type = metrics.about(name).type;
  if (type === 'histogram') {
    const sums = metrics.named(`${name}_sum`), counts = new Map(metrics.named(`${name}_count`).map((one) => [one.text, one]));
    const lines = sums.filter((sum) => counts.get(sum.text).values.at(-1) > 0).map((sum) => {
      const a = metrics.rate(sum.values), b = metrics.rate(counts.get(sum.text).values);
      return {label: labelText(sum.labels), size: counts.get(sum.text).values.at(-1), values: a.map((value, j) => (value !== null && b[j] ? value / b[j] : null))};
    });
    return lines.filter((line) => line.values.some((value) => value !== null)).sort((a, b) => b.size - a.size);
  }
  return [...metrics.named(name)].sort((a, b) => (b.values.at(-1) ?? 0) - (a.values.at(-1) ?? 0)).slice(0, kMaxLines)
    .map((one) => ({label: labelText(one.labels), values: type === 'counter' ? metrics.rate(one.values) : one.values}));
}

// A family by its name.
export function chart(name, title = name) {
  return draw(title, () => {
    const about = metrics.about(name);
    return {times: metrics.times(), lines: familyLines(name), unit: kWords[about.type] || '', note: about.help || ''};
  });
}

// An expression: its past is computed once, from then on each reading adds a point.
export function expressionChart(expr, title, note, records) {
  const lines = new Map(), times = [];
  let tree = null, problem = '';
  try { tree = parse(expr); } catch (error) { problem = error.message; }
  const add = (world, at) => {
    times.push(world.times[at]);
    const result = evaluate(tree, world, at);
    for (const one of Array.isArray(result) ? result : [{labels: {}, value: result}]) {
      const label = labelText(one.labels);
      if (!lines.has(label)) lines.set(label, {label, values: []});
      const line = lines.get(label);
      while (line.values.length < times.length - 1) line.values.push(null);
      line.values.push(Number.isFinite(one.value) ? one.value : null);
    }
    for (const line of lines.values()) while (line.values.length < times.length) line.values.push(null);
  };
  return draw(title, () => {
    if (problem) return {times: [], lines: [], note: problem};
    try {
      const world = metrics.worldOf(records), last = world.times.length - 1;
      if (!times.length) for (let at = Math.max(0, last - kBackPoints); at < last; at++) add(world, at);
      if (last >= 0 && times.at(-1) !== world.times[last]) add(world, last);
    } catch (error) {
      problem = error.message;
    }
    return {times, lines: [...lines.values()], note};
  });
}

// Points that a page brings: {element, update({times, lines: [{label, values}]}), destroy}.
export function pointsChart(title, note, unit, zero = true) {
  let data = {times: [], lines: []};
  const one = draw(title, () => ({...data, note, unit}), {still: true, zero});
  return {...one, update(points) { data = points; one.refresh(); }};
}

function draw(title, read, {still = false, zero = true} = {}) {
  const hole = h('div', {class: 'plot'}), note = h('p'), value = h('span', {class: 'newest'}), legend = h('ul', {class: 'legend'});
  const element = h('section', {class: 'chart'}, h('h3', {}, h('span', {}, title), value), note, hole, legend);
  let plot = null, shape = '';
  function refresh() {
    if (!element.isConnected) return;
    const {times, lines: all, note: text, unit} = read(), lines = all.slice(0, kMaxLines);
    if (note.textContent !== (text || '')) note.textContent = text || '';
    const last = lines.length === 1 ? newest(lines[0].values) : null;
    value.textContent = last === null ? '' : `${headline(last)}${unit ? ` ${unit}` : ''}`;
    if (!lines.length || times.length < 2) {
      if (plot) { plot.destroy(); plot = null; shape = ''; legend.replaceChildren(); }
      hole.replaceChildren(h('p', {class: 'note empty'}, !still && times.length < 3 ? 'Collecting…' : 'No data yet.'));
      return;
    }
    const data = [times, ...lines.map((line) => line.values)], now = `${document.documentElement.dataset.theme}\n${lines.map((line) => line.label).join('\n')}`;
    if (!plot || now !== shape) {
      if (plot) plot.destroy();
      shape = now;
      hole.replaceChildren();
      plot = make(hole, data, lines, zero);
      const more = all.length - lines.length;
      legend.replaceChildren(...(lines.length > 1 ? lines.map((line, i) => {
        const dot = h('i');
        dot.style.background = kColours[i];
        return h('li', {}, dot, h('span', {}, line.label || title), h('b', {}));
      }) : []), more > 0 ? h('li', {class: 'note'}, `and ${more} more`) : '');
    } else {
      plot.setData(data);
    }
    if (lines.length > 1) lines.forEach((line, i) => { legend.children[i].querySelector('b').textContent = short(newest(line.values)); });
  }
  const resized = new ResizeObserver(() => { if (plot && hole.clientWidth) plot.setSize({width: hole.clientWidth, height: kHeight}); });
  resized.observe(hole);
  const stop = still ? () => {} : metrics.watch(refresh);
  queueMicrotask(refresh);
  return {element, refresh, destroy() { stop(); resized.disconnect(); if (plot) plot.destroy(); }};
}

// The y axis begins at zero, so that a height tells an amount, unless a page asks for the change alone.
function range(low, high, zero) {
  if (low === null) return [0, 1];
  if (low === high) return high === 0 ? [0, 1] : [Math.min(0, low * 1.25), Math.max(0, high * 1.25)];
  return zero ? [Math.min(0, low), Math.max(0, high)] : [low, high];
}

// Short as long as they differ.
function ticks(splits) {
  const texts = splits.map(short);
  return new Set(texts).size === texts.length ? texts : splits.map(figure);
}

function make(hole, data, lines, zero) {
  const style = getComputedStyle(document.body), soft = style.getPropertyValue('--soft').trim(), grid = style.getPropertyValue('--grid').trim();
  const axis = {stroke: soft, font: '11px system-ui, sans-serif', grid: {stroke: grid, width: 1}, ticks: {show: false}};
  return new uPlot({
    width: Math.max(200, hole.clientWidth || 320), height: kHeight, legend: {show: false}, cursor: {y: false, points: {size: 5}},
    padding: [6, 26, 0, 0], scales: {y: {range: (u, low, high) => range(low, high, zero)}},
    series: [{}, ...lines.map((line, i) => ({label: line.label, stroke: kColours[i], width: 1.5, points: {show: isFew, size: 5}, fill: lines.length === 1 ? `${kColours[0]}22` : undefined}))],
    axes: [{...axis, size: 22, space: 70, incrs: kTickSeconds, values: (u, splits) => splits.map((t) => clock(t * 1000).slice(0, u.scales.x.max - u.scales.x.min > 1200 ? 5 : 8))},
      {...axis, size: zero ? 44 : 72, gap: 4, space: 28, values: (u, splits) => ticks(splits)}],
  }, data, hole);
}
