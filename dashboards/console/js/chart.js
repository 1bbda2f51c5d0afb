// Live charts of metric families. A counter is shown as growth a second, a histogram as its mean.
import {h} from './dom.js';
import * as metrics from './metrics.js';

const kColours = ['#2f8f67', '#c77a1b', '#4a6fd0', '#b0449b', '#7d7a2c', '#2a8fa8', '#b3453c', '#6d6f76'];
const kMaxLines = 8;

function linesOf(metric) {
  if (metric.type === 'histogram') {
    const sums = metrics.named(`${metric.name}_sum`), counts = metrics.named(`${metric.name}_count`);
    return sums.slice(0, kMaxLines).map((sum, i) => {
      const a = metrics.rate(sum.values), b = metrics.rate(counts[i].values);
      return {label: sum.labels || 'mean', values: a.map((value, j) => (value !== null && b[j] ? value / b[j] : null))};
    });
  }
  const all = metrics.named(metric.name);
  all.sort((a, b) => (b.values.at(-1) ?? 0) - (a.values.at(-1) ?? 0));
  return all.slice(0, kMaxLines).map((one) => ({
    label: one.labels || metric.name, values: metric.type === 'counter' ? metrics.rate(one.values) : one.values,
  }));
}

const kWords = {counter: 'growth a second', gauge: 'value', histogram: 'mean'};

// {element, destroy} for the family `name`.
export function chart(name, title = name) {
  const hole = h('div'), note = h('p');
  const element = h('section', {class: 'chart'}, h('h3', {}, title), note, hole);
  let plot = null, shape = '';
  function update() {
    if (!element.isConnected) return;
    const metric = metrics.about(name), text = `${kWords[metric.type] || 'value'}. ${metric.help || ''}`;
    if (note.textContent !== text) note.textContent = text;
    const lines = linesOf(metric), times = metrics.seconds();
    if (!lines.length || times.length < 2) {
      if (!plot) hole.replaceChildren(h('p', {class: 'note'}, lines.length ? 'Collecting…' : 'No series yet.'));
      return;
    }
    const data = [times, ...lines.map((line) => line.values)];
    const now = lines.map((line) => line.label).join('\n');
    if (plot && now === shape) return plot.setData(data);
    if (plot) plot.destroy();
    shape = now;
    const ink = getComputedStyle(document.body).color;
    const axis = {stroke: ink, grid: {stroke: `color-mix(in srgb, ${ink} 15%, transparent)`}, ticks: {show: false}};
    hole.replaceChildren();
    plot = new uPlot({
      width: Math.max(240, hole.clientWidth || 320), height: 150, legend: {live: false, show: lines.length > 1}, cursor: {y: false},
      series: [{}, ...lines.map((line, i) => ({label: line.label.slice(0, 60), stroke: kColours[i], width: 1.5, points: {show: false}}))],
      axes: [{...axis}, {...axis, size: 56}],
    }, data, hole);
  }
  const resized = new ResizeObserver(() => { if (plot) plot.setSize({width: Math.max(240, hole.clientWidth), height: 150}); });
  resized.observe(element);
  const stop = metrics.watch(update);
  return {element, destroy() { stop(); resized.disconnect(); if (plot) plot.destroy(); }};
}
