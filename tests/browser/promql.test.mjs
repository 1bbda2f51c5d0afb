// What the console makes of the expressions of the manifests: numbers that were computed by hand, as Prometheus defines them.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import {test} from 'node:test';
import {fileURLToPath} from 'node:url';
import {evaluate} from '../../dashboards/console/js/evaluate.js';
import {namesIn, parse, seconds} from '../../dashboards/console/js/promql.js';

const kRoot = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');

const kSeries = {
  restarted_total: [{labels: {a: 'x'}, values: [0, 10, 20, 30, 0, 10, 20]}],
  level: [{labels: {i: '1'}, values: [1, 2, 3, 4, 5, 6, 7]}],
  gone: [{labels: {}, values: [1, 1, 1, null, null, null, null]}],
  both: [{labels: {job: 'a', zone: 'n'}, values: [0, 0, 0, 0, 0, 0, 3]}, {labels: {job: 'b', zone: 'n'}, values: [0, 0, 0, 0, 0, 0, 5]}],
  wait_bucket: [{labels: {le: '60'}, values: [0, 0, 0, 0, 0, 0, 2]}, {labels: {le: '120'}, values: [0, 0, 0, 0, 0, 0, 8]}, {labels: {le: '+Inf'}, values: [0, 0, 0, 0, 0, 0, 10]}],
};
const world = () => ({times: [0, 10, 20, 30, 40, 50, 60], find: (name) => kSeries[name] || [], records: new Map([['level:double', parse('level * 2')]])});
const value = (text) => { const result = evaluate(parse(text), world()); return Array.isArray(result) ? result.map((one) => one.value) : result; };

test('expressions have the values that Prometheus gives them', () => {
  for (const [text, expected] of [
    ['1 + 2 * 3 ^ 2', 19], ['-2 ^ 2', -4], ['(1 + 2) * 3 % 5', 4], ['2 ^ 3 ^ 2', 512],
    ['increase(restarted_total[60s])', [50]], ['rate(restarted_total[1m])', [50 / 60]], ['delta(level[30s])', [3]],
    ['level + 1 > 7', [8]], ['level > 7', []], ['level >= bool 7', [1]], ['-level', [-7]], ['abs(-level)', [7]], ['clamp_min(level - 9, 0)', [0]],
    ['level offset 30s', [4]], ['avg_over_time(level[1m])', [4]], ['stddev_over_time(level[20s])', [Math.sqrt(2 / 3)]], ['max_over_time(level[30s])', [7]],
    ['sum(both)', [8]], ['max by (zone) (both)', [5]], ['sum(both) by (job)', [3, 5]], ['both{job="b"}', [5]], ['both{job!~"b|c"}', [3]], ['count(both)', [2]],
    ['both / on (job) both', [1, 1]], ['both and on (zone) level', []], ['level or gone', [7]], ['level unless gone', [7]], ['absent(gone)', [1]], ['gone', []],
    ['histogram_quantile(0.5, wait_bucket)', [90]], ['histogram_quantile(0.5, sum by (le) (wait_bucket))', [90]], ['level:double', [14]], ['level:double > 13', [14]],
    ['sum(rate(restarted_total[20s])) > bool 0.5 * avg_over_time(sum(rate(restarted_total[20s]))[1m:10s])', [1]],
  ]) assert.deepEqual(value(text), expected, text);
});

test('what is not understood is an error that says where', () => {
  assert.throws(() => parse('rate(a[5m]'), /'\)' expected|ends too early|not expected/);
  assert.throws(() => parse('a b'), /'b' is not expected/);
  assert.throws(() => parse('a $ b'), /not understood at/);
  assert.throws(() => value('rate(level)'), /needs a window/);
  assert.throws(() => value('predict_linear(level[1m], 5)'), /predict_linear is not computed here/);
  assert.equal(seconds('1h30m'), 5400);
  assert.throws(() => seconds('5 minutes'), /no duration/);
});

test('a window that reaches before the first reading is told', () => {
  const one = world();
  evaluate(parse('increase(restarted_total[5m])'), one);
  assert.equal(one.missing, 240);
});

test('every expression of the rules that are made from the manifests is understood', () => {
  const folder = path.join(kRoot, 'dashboards/prometheus'), expressions = [];
  for (const name of fs.readdirSync(folder).filter((one) => one.endsWith('.rules.yml'))) {
    for (const [, text] of fs.readFileSync(path.join(folder, name), 'utf8').matchAll(/^\s*expr: '(.*)'$/gm)) expressions.push(text.replaceAll("''", "'"));
  }
  assert.ok(expressions.length > 50, `only ${expressions.length} expressions were found`);
  for (const text of expressions) assert.ok(namesIn(parse(text)).size > 0, text);
});
