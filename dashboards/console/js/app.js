// Which page is shown, who is logged in, and whether the node answers.
import {beginAlerts, onAlerts} from './alerts.js';
import {hasToken, onConnection, rpc, setToken, forgetMethods, whoami} from './api.js';
import {$, figure, h, span} from './dom.js';
import {closeSheet} from './sheet.js';
import {alerts} from './pages/alerts.js';
import {config} from './pages/config.js';
import {energy} from './pages/energy.js';
import {events} from './pages/events.js';
import {governance} from './pages/governance.js';
import {logs} from './pages/logs.js';
import {overview} from './pages/overview.js';
import {plugin} from './pages/plugin.js';
import {plugins} from './pages/plugins.js';
import {treasury} from './pages/treasury.js';

const kPages = {
  overview: {title: 'Overview', key: 'o', show: overview},
  alerts: {title: 'Alerts', key: 'a', show: alerts},
  energy: {title: 'Energy', key: 'e', show: energy, needs: 'energy'},
  treasury: {title: 'Treasury', key: 'y', show: treasury, needs: 'treasury'},
  governance: {title: 'Governance', key: 'g', show: governance, needs: 'governance'},
  events: {title: 'Events', key: 'v', show: events},
  logs: {title: 'Logs', key: 'd', show: logs},
  config: {title: 'Configuration', key: 'c', show: config},
  plugins: {title: 'Plugins', key: 'p', show: plugins},
};
const kPulseMs = 2000;
let leave = null, lastAnswer = 0;

function show() {
  const [name, ...rest] = (location.hash.replace(/^#\//, '') || 'overview').split('/');
  const main = $('main'), page = kPages[name] || kPages.overview;
  if (leave) leave();
  closeSheet();
  main.replaceChildren();
  closeMenu();
  leave = name === 'plugin' && rest.length ? plugin(main, decodeURIComponent(rest.join('/'))) : page.show(main);
  document.title = `${name === 'plugin' ? decodeURIComponent(rest.join('/')) : page.title} · The Block`;
  scrollTo(0, 0);
  mark();
}

function mark() {
  const here = location.hash || '#/overview';
  document.querySelectorAll('nav a').forEach((a) => (a.getAttribute('href') === here ? a.setAttribute('aria-current', 'page') : a.removeAttribute('aria-current')));
}

function closeMenu() {
  $('nav').classList.remove('open');
  $('menu').setAttribute('aria-expanded', 'false');
}

const firingBadge = h('span', {class: 'badge', hidden: true});
let shown = '';
function drawNav(list) {
  const now = list.map((p) => `${p.name} ${p.version} ${p.state}`).join();
  if (now === shown) return;
  shown = now;
  forgetMethods();
  beginAlerts();
  const ids = list.map((p) => p.name);
  const link = (href, title, key, more) => h('a', {href, title: key ? `key ${key}` : undefined}, title, more);
  $('nav').replaceChildren(
    ...Object.entries(kPages).filter(([, page]) => !page.needs || ids.includes(page.needs))
      .map(([name, page]) => link(`#/${name}`, page.title, page.key, name === 'alerts' ? firingBadge : null)),
    h('h2', {}, 'Each plugin'), ...list.map((p) => link(`#/plugin/${encodeURIComponent(p.name)}`, p.name, null,
      p.state === 'running' ? null : h('span', {class: 'badge'}, p.state))));
  mark();
}

function state(text, kind) {
  $('state').textContent = text;
  $('state').className = `chip ${kind}`;
}

async function pulse() {
  if (!document.hidden) {
    try {
      const status = await rpc('node.status');
      lastAnswer = Date.now();
      document.body.classList.remove('stale');
      state(status.syncing ? 'syncing' : 'live', status.syncing ? 'warn' : 'good');
      $('height').textContent = `#${figure(status.current_block_height)}`;
      $('chain').textContent = status.chain_id;
      drawNav(status.plugins || []);
    } catch (error) {
      document.body.classList.add('stale');
      if (error.cause) state(lastAnswer ? `stale: no answer for ${span((Date.now() - lastAnswer) / 1000)}` : 'no answer', 'bad');
      else state(error.message, 'warn');
    }
  }
  setTimeout(pulse, kPulseMs);
}

async function showWho() {
  try {
    const me = await whoami();
    $('login').replaceChildren(h('span', {class: 'wide'}, hasToken() ? 'Logged in: ' : 'Role: '), me.role);
    return true;
  } catch {
    $('login').textContent = 'Log in';
    return false;
  }
}

function openLogin(message) {
  $('login-error').hidden = !message;
  $('login-error').textContent = message || '';
  $('logout').hidden = !hasToken();
  if (!$('login-dialog').open) $('login-dialog').showModal();
  $('token').focus();
}

$('login-dialog').addEventListener('close', async () => {
  const what = $('login-dialog').returnValue;
  $('login-dialog').returnValue = '';
  if (what === 'out') setToken('');
  if (what === 'ok') setToken($('token').value.trim());
  $('token').value = '';
  if (what === 'ok' || what === 'out') {
    if (!await showWho() && what === 'ok') {
      setToken('');
      showWho();
      return openLogin('The node does not take this token. Has it expired?');
    }
    show();
  }
});
onConnection(({expired, refused}) => {
  if (expired) {
    setToken('');
    showWho();
    openLogin('The token is no longer valid. Log in again; what you see may be out of date.');
  } else if (refused) {
    openLogin('This node answers nobody without a token.');
  }
});

function setTheme(name) {
  document.documentElement.dataset.theme = name;
  localStorage.setItem('theme', name);
}
function flipTheme() {
  const dark = matchMedia('(prefers-color-scheme: dark)').matches;
  const now = document.documentElement.dataset.theme || (dark ? 'dark' : 'light');
  setTheme(now === 'dark' ? 'light' : 'dark');
}

function showKeys() {
  const keys = [...Object.values(kPages).map((page) => [page.key, page.title]), ['t', 'dark or light'], ['l', 'log in'], ['/', 'first field of the page'], ['?', 'this list'], ['Esc', 'close what is open']];
  $('keys').replaceChildren(...keys.map(([key, what]) => [h('dt', {}, h('kbd', {}, key)), h('dd', {}, what)]).flat());
  $('keys-dialog').showModal();
}

document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName) || document.querySelector('dialog[open]')) return;
  const page = Object.entries(kPages).find(([, one]) => one.key === event.key);
  if (page) location.hash = `#/${page[0]}`;
  else if (event.key === 't') flipTheme();
  else if (event.key === 'l') { event.preventDefault(); openLogin(); }
  else if (event.key === '?') showKeys();
  else if (event.key === 'Escape') closeMenu();
  else if (event.key === '/') { const field = document.querySelector('main input, main select'); if (field) { event.preventDefault(); field.focus(); } }
});
$('theme').addEventListener('click', flipTheme);
$('help').addEventListener('click', showKeys);
$('login').addEventListener('click', () => openLogin());
$('menu').addEventListener('click', () => {
  const open = $('nav').classList.toggle('open');
  $('menu').setAttribute('aria-expanded', String(open));
});
if (localStorage.getItem('theme')) document.documentElement.dataset.theme = localStorage.getItem('theme');
window.addEventListener('hashchange', show);
onAlerts((rules) => {
  const firing = rules.filter((rule) => rule.state === 'firing');
  firingBadge.hidden = firing.length === 0;
  firingBadge.textContent = String(firing.length);
  firingBadge.className = `badge ${firing.some((rule) => ['critical', 'page'].includes(rule.severity)) ? 'critical' : ''}`;
});
showWho();
pulse();
show();
