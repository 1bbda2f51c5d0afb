// The part of PromQL that alerts and panels of manifests use, over series that this page keeps itself.
// parse(text) -> tree, or an Error that names the position; evaluate.js computes it.

const kTokens = /\s*(?:((?:\d+(?:ms|[smhdw]))+(?![\w:]))|(\d+(?:\.\d+)?(?:[eE][-+]?\d+)?(?![\w:]))|("(?:[^"\\]|\\.)*")|(\[[^\]]*\])|([a-zA-Z_:][\w:]*)|(=~|!~|==|!=|>=|<=|[-+*/%^(){},=<>]))/y;
const kAggregations = new Set(['sum', 'max', 'min', 'avg', 'count', 'stddev']);
const kStrength = {or: 1, and: 2, unless: 2, '==': 3, '!=': 3, '>': 3, '<': 3, '>=': 3, '<=': 3, '+': 4, '-': 4, '*': 5, '/': 5, '%': 5, '^': 6};
const kUnits = {ms: 0.001, s: 1, m: 60, h: 3600, d: 86400, w: 604800};

export function seconds(text) {
  let total = 0, rest = text;
  while (rest) {
    const match = /^(\d+)(ms|[smhdw])/.exec(rest);
    if (!match) throw new Error(`'${text}' is no duration`);
    total += Number(match[1]) * kUnits[match[2]];
    rest = rest.slice(match[0].length);
  }
  return total;
}

function tokens(text) {
  const out = [];
  kTokens.lastIndex = 0;
  while (kTokens.lastIndex < text.trimEnd().length) {
    const at = kTokens.lastIndex, match = kTokens.exec(text);
    if (!match) throw new Error(`not understood at '${text.slice(at, at + 20).trim()}'`);
    const [, duration, number, string, range, name, sign] = match;
    if (duration !== undefined) out.push({kind: 'duration', value: seconds(duration)});
    else if (number !== undefined) out.push({kind: 'number', value: Number(number)});
    else if (string !== undefined) out.push({kind: 'string', value: JSON.parse(string)});
    else if (range !== undefined) out.push({kind: 'range', value: range.slice(1, -1)});
    else out.push(name !== undefined ? {kind: 'name', value: name} : {kind: 'sign', value: sign});
  }
  return out;
}

class Parser {
  constructor(text) { this.list = tokens(text); this.at = 0; }
  peek(value) { const token = this.list[this.at]; return token && token.kind !== 'string' && (value === undefined || token.value === value) ? token : null; }
  take(value) { const token = this.peek(value); if (token) this.at++; return token; }
  need(value) {
    if (!this.take(value)) throw new Error(`'${value}' expected before '${this.list[this.at] ? this.list[this.at].value : 'the end'}'`);
  }
  names() {
    const out = [];
    this.need('(');
    while (!this.take(')')) {
      out.push(this.list[this.at++].value);
      this.take(',');
    }
    return out;
  }

  binary(least = 1) {
    let left = this.unary();
    for (;;) {
      const token = this.peek(), strength = token && kStrength[token.value];
      if (!strength || strength < least) return left;
      this.at++;
      const node = {kind: 'binary', op: token.value, left, bool: Boolean(this.take('bool'))};
      const matching = this.take('on') || this.take('ignoring');
      if (matching) node[matching.value] = this.names();
      if (this.take('group_left') || this.take('group_right')) throw new Error('group_left and group_right are not computed here');
      node.right = this.binary(token.value === '^' ? strength : strength + 1);
      left = node;
    }
  }
  unary() {
    if (this.take('-')) return {kind: 'binary', op: '-', left: {kind: 'number', value: 0}, right: this.binary(kStrength['^'])};
    this.take('+');
    return this.postfix(this.primary());
  }
  postfix(node) {
    for (;;) {
      const token = this.list[this.at];
      if (token && token.kind === 'range') {
        this.at++;
        const [range, step] = token.value.split(':');
        node = {kind: step === undefined ? 'range' : 'subquery', of: node, range: seconds(range), step: step ? seconds(step) : 60};
      } else if (this.take('offset')) {
        const by = this.list[this.at++];
        if (!by || by.kind !== 'duration') throw new Error('a duration is expected after offset');
        node = {kind: 'offset', of: node, by: by.value};
      } else {
        return node;
      }
    }
  }
  primary() {
    const token = this.list[this.at++];
    if (!token) throw new Error('the expression ends too early');
    if (token.kind === 'number' || token.kind === 'string') return {kind: token.kind, value: token.value};
    if (token.value === '(') {
      const node = this.binary();
      this.need(')');
      return node;
    }
    if (token.kind === 'name' && kAggregations.has(token.value) && (this.peek('(') || this.peek('by') || this.peek('without'))) return this.aggregation(token.value);
    if (token.kind === 'name' && this.peek('(')) return this.call(token.value);
    if (token.kind === 'name' || token.value === '{') return this.selector(token);
    throw new Error(`'${token.value}' is not expected here`);
  }
  aggregation(op) {
    const node = {kind: 'aggregate', op};
    const grouping = () => { const word = this.take('by') || this.take('without'); if (word) node[word.value] = this.names(); };
    grouping();
    this.need('(');
    node.of = this.binary();
    this.need(')');
    grouping();
    return node;
  }
  call(name) {
    const args = [];
    this.need('(');
    while (!this.take(')')) {
      args.push(this.binary());
      this.take(',');
    }
    return {kind: 'call', name, args};
  }
  selector(token) {
    const node = {kind: 'select', name: token.kind === 'name' ? token.value : '', matchers: []};
    if (token.value !== '{' && !this.take('{')) return node;
    while (!this.take('}')) {
      const [label, op, value] = [this.list[this.at++], this.list[this.at++], this.list[this.at++]];
      if (!value || value.kind !== 'string') throw new Error(`a text is expected for the label of ${node.name}`);
      const whole = op.value.endsWith('~') ? new RegExp(`^(?:${value.value})$`) : null;
      const is = whole ? (text) => whole.test(text) : (text) => text === value.value;
      node.matchers.push({label: label.value, test: op.value.startsWith('!') ? (text) => !is(text) : is});
      this.take(',');
    }
    return node;
  }
}

export function parse(text) {
  const parser = new Parser(text), tree = parser.binary();
  if (parser.at < parser.list.length) throw new Error(`'${parser.list[parser.at].value}' is not expected here`);
  return tree;
}

// Names of series that a tree reads.
export function namesIn(tree, into = new Set()) {
  if (!tree || typeof tree !== 'object') return into;
  if (tree.kind === 'select') into.add(tree.name);
  for (const child of [tree.of, tree.left, tree.right, ...(tree.args || [])]) namesIn(child, into);
  return into;
}
