// Two texts line by line: what went, what came.
import {h} from './dom.js';

const kMostLines = 4000;

export function diffLines(before, after) {
  const a = before.split('\n').slice(0, kMostLines), b = after.split('\n').slice(0, kMostLines);
  const common = Array.from({length: a.length + 1}, () => new Uint16Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) common[i][j] = a[i] === b[j] ? common[i + 1][j + 1] + 1 : Math.max(common[i + 1][j], common[i][j + 1]);
  }
  const out = h('pre', {class: 'diff'});
  let i = 0, j = 0;
  const put = (mark, kind, line) => out.append(h('span', {class: kind}, `${mark} ${line}\n`));
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) { put(' ', '', a[i]); i++; j++; }
    else if (j >= b.length || (i < a.length && common[i + 1][j] >= common[i][j + 1])) put('-', 'del', a[i++]);
    else put('+', 'add', b[j++]);
  }
  return out;
}
