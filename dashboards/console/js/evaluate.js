// Computes a tree of promql.js. A world is {times: [seconds], find(name) -> [{labels, values}], records: Map(name -> tree)};
// values stand beside times, null where there was none. Rates are not stretched to the edge of their window: what is
// shown was seen. `missing` of the world collects how many seconds a window reaches before the first reading.

const key = (labels) => Object.keys(labels).filter((name) => name !== '__name__').sort().map((name) => `${name}=${labels[name]}`).join();
const keep = (labels, names) => Object.fromEntries(names.filter((name) => labels[name] !== undefined).map((name) => [name, labels[name]]));
const drop = (labels, names) => Object.fromEntries(Object.entries(labels).filter(([name]) => name !== '__name__' && !names.includes(name)));
const isVector = Array.isArray;

const kMath = {'+': (a, b) => a + b, '-': (a, b) => a - b, '*': (a, b) => a * b, '/': (a, b) => a / b, '%': (a, b) => a % b, '^': Math.pow};
const kCompare = {'==': (a, b) => a === b, '!=': (a, b) => a !== b, '>': (a, b) => a > b, '<': (a, b) => a < b, '>=': (a, b) => a >= b, '<=': (a, b) => a <= b};

const mean = (list) => list.reduce((a, b) => a + b, 0) / list.length;
const kFold = {
  sum: (list) => list.reduce((a, b) => a + b, 0), max: (list) => Math.max(...list), min: (list) => Math.min(...list), avg: mean, count: (list) => list.length,
  stddev: (list) => { const m = mean(list); return Math.sqrt(mean(list.map((x) => (x - m) ** 2))); },
};

// Growth of a counter over samples [[time, value]]; a fall is a restart at zero.
function growth(samples) {
  let sum = 0;
  for (let i = 1; i < samples.length; i++) sum += samples[i][1] >= samples[i - 1][1] ? samples[i][1] - samples[i - 1][1] : samples[i][1];
  return sum;
}
const kOverTime = {
  increase: growth,
  rate: (samples) => growth(samples) / (samples.at(-1)[0] - samples[0][0]),
  delta: (samples) => samples.at(-1)[1] - samples[0][1],
  changes: (samples) => samples.filter(([, value], i) => i > 0 && value !== samples[i - 1][1]).length,
};
for (const fold of ['sum', 'max', 'min', 'avg', 'count', 'stddev']) kOverTime[`${fold}_over_time`] = (samples) => kFold[fold](samples.map(([, value]) => value));
const kNeedsTwo = new Set(['increase', 'rate', 'delta']);
const kOfNumber = {
  abs: Math.abs, ceil: Math.ceil, floor: Math.floor, clamp_min: (x, low) => Math.max(x, low), clamp_max: (x, high) => Math.min(x, high),
};

function select(node, world, at) {
  const record = world.records.get(node.name);
  const all = record ? evaluate(record, world, at)
    : world.find(node.name).filter((one) => one.values[at] !== null && one.values[at] !== undefined).map((one) => ({labels: one.labels, value: one.values[at]}));
  return all.filter((one) => node.matchers.every((matcher) => matcher.test(one.labels[matcher.label] ?? '')));
}

// [{labels, samples}] of the readings in the window that ends at index `at`.
function windowOf(node, world, at) {
  const {times} = world, end = times[at], begin = end - node.range;
  world.missing = Math.max(world.missing || 0, times[0] - begin);
  let first = at;
  while (first > 0 && times[first - 1] >= begin) first--;
  if (node.kind === 'range' && node.of.kind === 'select' && !world.records.has(node.of.name)) {  // most windows are of plain series
    return world.find(node.of.name).filter((one) => node.of.matchers.every((matcher) => matcher.test(one.labels[matcher.label] ?? ''))).map((one) => {
      const samples = [];
      for (let i = first; i <= at; i++) if (one.values[i] !== null && one.values[i] !== undefined) samples.push([times[i], one.values[i]]);
      return {labels: one.labels, samples};
    }).filter((one) => one.samples.length > 0);
  }
  const found = new Map();
  let last = -Infinity;
  for (let i = first; i <= at; i++) {
    if (node.kind === 'subquery' && times[i] - last < node.step && i !== at) continue;
    last = times[i];
    for (const one of vector(evaluate(node.of, world, i))) {
      const name = key(one.labels);
      if (!found.has(name)) found.set(name, {labels: one.labels, samples: []});
      found.get(name).samples.push([times[i], one.value]);
    }
  }
  return [...found.values()];
}

const vector = (value) => (isVector(value) ? value : [{labels: {}, value}]);

function call(node, world, at) {
  const {name, args} = node;
  if (name === 'time') return world.times[at];
  if (kOverTime[name]) {
    if (!['range', 'subquery'].includes(args[0].kind)) throw new Error(`${name} needs a window, such as [5m]`);
    return windowOf(args[0], world, at).filter((one) => one.samples.length > (kNeedsTwo.has(name) ? 1 : 0))
      .map((one) => ({labels: drop(one.labels, []), value: kOverTime[name](one.samples)}));
  }
  if (name === 'histogram_quantile') return quantile(evaluate(args[0], world, at), evaluate(args[1], world, at));
  if (name === 'vector') return [{labels: {}, value: evaluate(args[0], world, at)}];
  if (name === 'absent') return evaluate(args[0], world, at).length ? [] : [{labels: {}, value: 1}];
  if (kOfNumber[name]) {
    const [first, ...more] = args.map((arg) => evaluate(arg, world, at));
    return isVector(first) ? first.map((one) => ({labels: drop(one.labels, []), value: kOfNumber[name](one.value, ...more)})) : kOfNumber[name](first, ...more);
  }
  throw new Error(`the function ${name} is not computed here`);
}

function quantile(q, buckets) {
  const groups = new Map();
  for (const one of buckets) {
    const labels = drop(one.labels, ['le']), name = key(labels);
    if (!groups.has(name)) groups.set(name, {labels, list: []});
    groups.get(name).list.push([one.labels.le === '+Inf' ? Infinity : Number(one.labels.le), one.value]);
  }
  const out = [];
  for (const {labels, list} of groups.values()) {
    list.sort((a, b) => a[0] - b[0]);
    const total = list.at(-1)[1];
    if (!(total > 0)) continue;
    let below = 0, lower = 0;
    for (const [bound, count] of list) {
      if (count >= q * total) {
        out.push({labels, value: bound === Infinity ? lower : lower + (bound - lower) * (q * total - below) / Math.max(1e-12, count - below)});
        break;
      }
      below = count;
      lower = bound;
    }
  }
  return out;
}

function aggregate(node, world, at) {
  const groups = new Map();
  for (const one of evaluate(node.of, world, at)) {
    const labels = node.by ? keep(one.labels, node.by) : node.without ? drop(one.labels, node.without) : {}, name = key(labels);
    if (!groups.has(name)) groups.set(name, {labels, list: []});
    groups.get(name).list.push(one.value);
  }
  return [...groups.values()].map(({labels, list}) => ({labels, value: kFold[node.op](list)}));
}

function binary(node, world, at) {
  const left = evaluate(node.left, world, at), right = evaluate(node.right, world, at);
  const signature = (one) => key(node.on ? keep(one.labels, node.on) : drop(one.labels, node.ignoring || []));
  if (['and', 'or', 'unless'].includes(node.op)) {
    const others = new Set(right.map(signature)), mine = new Set(left.map(signature));
    if (node.op === 'or') return [...left, ...right.filter((one) => !mine.has(signature(one)))];
    return left.filter((one) => others.has(signature(one)) === (node.op === 'and'));
  }
  const compare = kCompare[node.op];
  const join = (a, b, kept, labels) => {
    if (!compare) return {labels, value: kMath[node.op](a, b)};
    const holds = compare(a, b);
    if (node.bool) return {labels, value: holds ? 1 : 0};
    return holds ? {labels: kept.labels, value: kept.value} : null;
  };
  if (!isVector(left) && !isVector(right)) return compare ? Number(compare(left, right)) : kMath[node.op](left, right);
  const out = [];
  if (!isVector(right)) for (const one of left) out.push(join(one.value, right, one, drop(one.labels, [])));
  else if (!isVector(left)) for (const one of right) out.push(join(left, one.value, one, drop(one.labels, [])));
  else {
    const others = new Map(right.map((one) => [signature(one), one]));
    for (const one of left) {
      const other = others.get(signature(one));
      if (other) out.push(join(one.value, other.value, one, node.on ? keep(one.labels, node.on) : drop(one.labels, node.ignoring || [])));
    }
  }
  return out.filter((one) => one !== null);
}

// A number, or a list of {labels, value}, at the reading with index `at`.
export function evaluate(node, world, at = world.times.length - 1) {
  switch (node.kind) {
    case 'number': case 'string': return node.value;
    case 'select': return select(node, world, at);
    case 'call': return call(node, world, at);
    case 'aggregate': return aggregate(node, world, at);
    case 'binary': return binary(node, world, at);
    case 'offset': {
      const then = world.times[at] - node.by;
      world.missing = Math.max(world.missing || 0, world.times[0] - then);
      let i = at;
      while (i > 0 && world.times[i] > then) i--;
      return evaluate(node.of, world, i);
    }
    default: throw new Error('a window stands where a value is needed');
  }
}
