// The alerts of the manifests, judged on this page's own readings of this node: what would fire now, what holds but not
// long enough, and what cannot be told from here. Prometheus remains the judge; this is its rules without its memory.
import {rpc} from './api.js';
import {evaluate} from './evaluate.js';
import {outliveReload, slowWorldOf, watchSlowly} from './metrics.js';
import {namesIn, parse, seconds} from './promql.js';

const kLongestWindow = 3600;   // what metrics.js keeps
const kEpochSeconds = 120;     // as in the rule files that are made from the manifests
const listeners = new Set();
const kValues = {epoch_seconds: String(kEpochSeconds)};
const heldBefore = outliveReload(() => Object.fromEntries((rules || []).filter((rule) => rule.since !== null).map((rule) => [rule.name, rule.since]))) || {};
let rules = null, records = new Map(), hash = '', failure = null, timer = 0;

const filled = (expr) => expr.replace(/\$\{(\w+)(?::([^}]*))?\}/g, (_, name, fallback) => kValues[name] ?? fallback ?? '0');
const duration = (text) => (text && text.endsWith('ep') ? Number(text.slice(0, -2)) * kEpochSeconds : seconds(text && text !== '0m' ? text : '0s'));

// The furthest that a tree looks back, its records included.
function depth(tree) {
  if (!tree || typeof tree !== 'object') return 0;
  if (tree.kind === 'select') return records.has(tree.name) ? depth(records.get(tree.name)) : 0;
  return (tree.range || 0) + (typeof tree.by === 'number' ? tree.by : 0) + Math.max(0, ...[tree.of, tree.left, tree.right, ...(tree.args || [])].map(depth));
}

async function load() {
  const catalogue = await rpc('monitor.catalogue');
  if (catalogue.hash === hash) return;
  hash = catalogue.hash;
  const names = new Set(), before = new Map((rules || []).map((rule) => [rule.name, rule]));
  records = new Map();
  for (const record of catalogue.records) {
    try {
      records.set(record.name, parse(filled(record.expr)));
    } catch (error) {
      console.warn(`The record ${record.name} cannot be computed here: ${error.message}`);
    }
  }
  rules = catalogue.alerts.map((alert) => {
    const rule = {...alert, expr: filled(alert.expr), forSeconds: duration(alert.for), since: (before.get(alert.name) ? before.get(alert.name).since : heldBefore[alert.name]) ?? null, state: 'waiting', why: '', value: null};
    try {
      rule.tree = parse(rule.expr);
      namesIn(rule.tree, names);
      rule.depth = depth(rule.tree);
    } catch (error) {
      rule.state = 'unknown';
      rule.why = error.message;
    }
    return rule;
  });
  for (const tree of records.values()) namesIn(tree, names);
  watchSlowly(names, judge);
}

function judgeOne(rule, world) {
  if (rule.depth > kLongestWindow) return Object.assign(rule, {state: 'unknown', why: `it looks back ${rule.depth / 3600} h, this page keeps one hour`});
  world.missing = 0;
  const result = evaluate(rule.tree, world), holds = Array.isArray(result) ? result.length > 0 : result !== 0;
  const now = world.times.at(-1);
  rule.value = Array.isArray(result) && result.length ? result[0] : null;
  rule.since = holds ? rule.since ?? now : null;
  const seen = now - world.times[0];
  if (world.missing > 1) return Object.assign(rule, {state: 'collecting', holds, why: `needs ${Math.round(rule.depth / 60) || 1} min of readings, has ${Math.floor(seen / 60)}`});
  if (!holds) return Object.assign(rule, {state: 'silent', why: ''});
  const left = rule.forSeconds - (now - rule.since);
  return Object.assign(rule, left > 0 ? {state: 'pending', why: `fires if it holds for ${Math.ceil(left / 60)} min more`} : {state: 'firing', why: ''});
}

function judge() {
  const world = slowWorldOf(records);
  for (const rule of rules) {
    if (!rule.tree) continue;
    try {
      judgeOne(rule, world);
    } catch (error) {
      Object.assign(rule, {state: 'unknown', why: error.message});
    }
  }
  listeners.forEach((f) => f(rules));
}

// Reads the catalogue now and whenever the plugins change; f(rules) after each judgement.
export function onAlerts(f) {
  listeners.add(f);
  if (rules && rules.some((rule) => rule.state !== 'waiting')) f(rules);
  return () => listeners.delete(f);
}
export function beginAlerts() {
  clearTimeout(timer);
  load().then(() => { failure = null; }, (error) => { failure = error; timer = setTimeout(beginAlerts, 5000); });
}
export const alertFailure = () => failure;
export const alertRules = () => rules;
export const recordTrees = () => records;
