// The node's own series, read every two seconds while the page is seen, kept for ten minutes.
import {rpc} from './api.js';

const kPeriodMs = 2000;
const kKept = 300;
const kMaxSeries = 20000;
const watchers = new Set();
const times = [];
const known = new Map();   // name -> {name, type, help}
const series = new Map();  // 'name{labels}' -> {name, labels, values: number[]} as long as times
let timer = 0;

const kAbout = /^# (TYPE|HELP) ([^ ]+) (.*)$/;
const kLine = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? ([^ ]+)/;

function take(text) {
  times.push(Date.now() / 1000);
  if (times.length > kKept) times.shift();
  for (const line of text.split('\n')) {
    if (line === '') continue;
    if (line[0] === '#') {
      const about = kAbout.exec(line);
      if (about) known.set(about[2], {name: about[2], ...known.get(about[2]), [about[1].toLowerCase()]: about[3]});
      continue;
    }
    const match = kLine.exec(line);
    if (!match) continue;
    const key = match[2] === undefined ? match[1] : `${match[1]}{${match[2]}}`;
    let one = series.get(key);
    if (!one) {
      if (series.size >= kMaxSeries) continue;
      one = {name: match[1], labels: match[2] || '', values: new Array(times.length - 1).fill(null)};
      series.set(key, one);
    }
    if (one.values.length >= kKept) one.values.shift();
    one.values.push(Number(match[3]));
  }
  for (const one of series.values()) {  // a series that went away
    while (one.values.length < times.length) one.values.push(null);
    while (one.values.length > times.length) one.values.shift();
  }
}

async function poll() {
  if (!document.hidden && watchers.size > 0) {
    try {
      const answer = await rpc('metrics');
      take(typeof answer === 'string' ? answer : answer.text);
      watchers.forEach((f) => f());
    } catch { /* api.js shows that the node does not answer */ }
  }
  timer = setTimeout(poll, kPeriodMs);
}

// Calls f after each reading; returns what ends it.
export function watch(f) {
  watchers.add(f);
  if (!timer) poll();
  else if (times.length) f();
  return () => watchers.delete(f);
}

export const seconds = () => times;
export const named = (name) => [...series.values()].filter((one) => one.name === name);
// What the node says of a family: {name, type, help}.
export const about = (name) => known.get(name) || {name, type: 'gauge', help: ''};

// Newest value, summed over its series.
export function now(name) {
  const all = named(name);
  return all.length ? all.reduce((sum, one) => sum + (one.values.at(-1) ?? 0), 0) : undefined;
}

// Growth a second over the last `n` readings.
export function rate(values, n = 5) {
  return values.map((value, i) => {
    const j = Math.max(0, i - n);
    if (i === j || value === null || values[j] === null || value < values[j]) return null;
    return (value - values[j]) / (times[i] - times[j]);
  });
}

// A quantile of a histogram's growth between the oldest reading that is kept and the newest.
export function quantile(name, q) {
  const buckets = new Map();
  for (const one of named(`${name}_bucket`)) {
    const bound = /(?:^|,)le="([^"]+)"/.exec(one.labels);
    if (!bound) continue;
    const grown = (one.values.at(-1) ?? 0) - (one.values.find((v) => v !== null) ?? 0);
    buckets.set(bound[1], (buckets.get(bound[1]) || 0) + grown);
  }
  const sorted = [...buckets].map(([le, n]) => [le === '+Inf' ? Infinity : Number(le), n]).sort((a, b) => a[0] - b[0]);
  const total = sorted.length ? sorted.at(-1)[1] : 0;
  if (total <= 0) return undefined;
  let below = 0, lower = 0;
  for (const [bound, count] of sorted) {
    if (count >= q * total) return bound === Infinity ? lower : lower + (bound - lower) * (q * total - below) / Math.max(1e-9, count - below);
    below = count;
    lower = bound;
  }
  return lower;
}
