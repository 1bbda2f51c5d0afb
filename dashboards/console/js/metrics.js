// The node's own series, read while the page is seen: every two seconds for charts (ten minutes are kept), every ten for
// alerts alone (an hour is kept, of the families that alerts read; it outlives a reload of the page).
import {rpc} from './api.js';

const kPeriodMs = 2000;
const kSlowMs = 10000;
const kFirst = 4;       // readings that come faster, so that a page has something to show
const kKept = 300;
const kKeptSlow = 361;
const kMaxSeries = 20000;
const kMaxKeptText = 4e6;  // characters of what outlives a reload; a browser gives a page about five million
const watchers = new Set();
const slowWatchers = new Set();
const known = new Map();  // name -> {name, type, help}
let timer = 0, asking = false, lastAsked = -Infinity, lastSlow = -Infinity;
let wanted = new Set();  // families that the slow window keeps

// Series of one window: values stand beside times, null where there was none.
class Window {
  constructor(kept) { this.kept = kept; this.times = []; this.series = new Map(); this.byName = new Map(); }

  begin(time) {
    this.times.push(time);
    if (this.times.length <= this.kept) return;
    this.times.shift();
    for (const one of this.series.values()) one.values.shift();
  }
  add(name, labels, value) {
    const key = labels ? `${name}{${labels}}` : name;
    let one = this.series.get(key);
    if (!one) {
      if (this.series.size >= kMaxSeries) return;
      one = {name, text: labels, labels: labelsOf(labels), values: []};
      this.series.set(key, one);
      if (!this.byName.has(name)) this.byName.set(name, []);
      this.byName.get(name).push(one);
    }
    while (one.values.length < this.times.length - 1) one.values.push(null);
    one.values.push(value);
  }
  // Series that were not in this reading get a gap; those that are gaps alone are forgotten.
  end() {
    for (const [key, one] of this.series) {
      while (one.values.length < this.times.length) one.values.push(null);
      if (one.values.every((value) => value === null)) {
        this.series.delete(key);
        const rest = this.byName.get(one.name).filter((other) => other !== one);
        if (rest.length) this.byName.set(one.name, rest);
        else this.byName.delete(one.name);
      }
    }
  }
  find(name) { return this.byName.get(name) || []; }

  // Values as [value, how often, …]: most stay the same from one reading to the next.
  pack() {
    const runs = (values) => {
      const out = [];
      for (const value of values) {
        if (out.length && out.at(-2) === value) out[out.length - 1]++;
        else out.push(value, 1);
      }
      return out;
    };
    return {times: this.times, series: [...this.series.values()].map((one) => [one.name, one.text, runs(one.values)])};
  }
  // Only what is not older than the window is long.
  unpack({times, series}, oldest) {
    const first = times.findIndex((time) => time >= oldest);
    if (first < 0) return;
    this.times = times.slice(first);
    for (const [name, text, runs] of series) {
      const values = [];
      for (let i = 0; i < runs.length; i += 2) for (let n = 0; n < runs[i + 1]; n++) values.push(runs[i]);
      const one = {name, text, labels: labelsOf(text), values: values.slice(first)};
      this.series.set(text ? `${name}{${text}}` : name, one);
      this.byName.set(name, [...this.find(name), one]);
    }
  }
}
const fast = new Window(kKept), slow = new Window(kKeptSlow);
const kStored = 'readings';

// What a judgement of alerts needs from before a reload. f() gives what else to keep; returns what was kept, if any.
export function outliveReload(f) {
  addEventListener('pagehide', () => {
    const text = JSON.stringify({...slow.pack(), more: f()});
    if (text.length <= kMaxKeptText) sessionStorage.setItem(kStored, text);
    else sessionStorage.removeItem(kStored);  // a node with so many series is judged anew
  });
  const kept = sessionStorage.getItem(kStored);
  if (!kept) return null;
  sessionStorage.removeItem(kStored);
  const data = JSON.parse(kept);
  slow.unpack(data, Date.now() / 1000 - kKeptSlow * kSlowMs / 1000);
  return slow.times.length ? data.more : null;
}

function labelsOf(text) {
  const out = {};
  for (const [, name, value] of text.matchAll(/([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g)) out[name] = value.replace(/\\(.)/g, (_, c) => (c === 'n' ? '\n' : c));
  return out;
}

const kAbout = /^# (TYPE|HELP) ([^ ]+) (.*)$/;
const kLine = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? ([^ ]+)/;

function take(text, time) {
  const alsoSlow = time - lastSlow >= kSlowMs / 1000 - 0.5;
  fast.begin(time);
  if (alsoSlow) { lastSlow = time; slow.begin(time); }
  for (const line of text.split('\n')) {
    if (line[0] === '#') {
      const about = kAbout.exec(line);
      if (about) known.set(about[2], {name: about[2], ...known.get(about[2]), [about[1].toLowerCase()]: about[3]});
      continue;
    }
    const match = kLine.exec(line);
    if (!match) continue;
    fast.add(match[1], match[2] || '', Number(match[3]));
    if (alsoSlow && wanted.has(match[1])) slow.add(match[1], match[2] || '', Number(match[3]));
  }
  fast.end();
  if (alsoSlow) { slow.end(); slowWatchers.forEach((f) => f()); }
  watchers.forEach((f) => f());
}

async function poll() {
  clearTimeout(timer);
  if (asking) return;
  const early = kPeriodMs / 2 - (performance.now() - lastAsked);
  if (early > 0) {  // two readings of the same moment would look like a standstill
    timer = setTimeout(poll, early);
    return;
  }
  asking = true;
  lastAsked = performance.now();
  if (!document.hidden && (watchers.size > 0 || slowWatchers.size > 0)) {
    try {
      take((await rpc('metrics')).text, Date.now() / 1000);
    } catch { /* api.js tells the page why nothing came */ }
  }
  asking = false;
  timer = setTimeout(poll, fast.times.length < kFirst ? kPeriodMs / 2 : watchers.size ? kPeriodMs : kSlowMs);
}

// Calls f after each reading; returns what ends it.
export function watch(f) {
  watchers.add(f);
  if (fast.times.length > 1) f();
  if (watchers.size === 1) poll();
  return () => watchers.delete(f);
}

// Calls f each ten seconds, with the families `names` kept for an hour.
export function watchSlowly(names, f) {
  wanted = new Set(names);
  slowWatchers.clear();
  slowWatchers.add(f);
  lastSlow = -Infinity;
  poll();
}

export const times = () => fast.times;
export const named = (name) => fast.find(name);
export const worldOf = (records) => ({times: fast.times, find: (name) => fast.find(name), records});
export const slowWorldOf = (records) => ({times: slow.times, find: (name) => slow.find(name), records});
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
    return (value - values[j]) / (fast.times[i] - fast.times[j]);
  });
}

// The growth of a family a second now, over all its series; undefined before there are two readings.
export function rateNow(name) {
  const all = named(name).map((one) => rate(one.values).at(-1)).filter((value) => value !== null && value !== undefined);
  return all.length ? all.reduce((a, b) => a + b, 0) : undefined;
}
