// A way in steps: what is behind, where it stands, what is to come.
import {dateTime, figure, h, shortId} from '../dom.js';

// steps: [{name, done, now, bad, at (ms), height, epoch, who}]
export function timeline(steps) {
  return h('ol', {class: 'timeline'}, steps.map((step) => h('li', {class: [step.done ? 'done' : '', step.now ? 'now' : '', step.bad ? 'bad' : ''].join(' ').trim() || undefined, 'aria-current': step.now ? 'step' : undefined},
    h('strong', {}, step.name.replaceAll('_', ' ')), h('span', {class: 'note'}, [step.epoch === undefined || step.epoch === null ? '' : `epoch ${figure(step.epoch)}`, step.height ? `block ${figure(step.height)}` : '', step.at ? dateTime(step.at) : '']
      .filter(Boolean).join(', ')), step.who ? h('span', {class: 'note'}, ' by ', step.who.length > 20 ? shortId(step.who) : step.who) : null)));
}

// What each house said: {operators: {total, yes, no, abstain, needed}, …}
export function ballots(houses) {
  return h('div', {class: 'ballots'}, Object.entries(houses || {}).map(([house, tally]) => {
    const part = (name) => { const i = h('i', {class: name}); i.style.width = `${tally.total ? 100 * tally[name] / tally.total : 0}%`; return i; };
    return h('div', {}, h('div', {}, h('strong', {}, house), ` ${tally.yes} yes, ${tally.no} no, ${tally.abstain} abstain of ${tally.total}${tally.needed ? `; ${tally.needed} needed` : ''}`),
      h('div', {class: 'votes', role: 'img', 'aria-label': `${tally.yes} of ${tally.total} yes`}, part('yes'), part('no'), part('abstain')));
  }));
}
