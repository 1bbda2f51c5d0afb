// An operator's work on a chain that stands still between commands: log in, vote, reload, and what must not work.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import {after, before, test} from 'node:test';
import {Browser, Node, buildLive, go, logIn, shot, waitFor} from './harness.mjs';

const kHostile = '<img src=x onerror=alert(1)>';
const kEpoch = 10;
let node, browser, builds, first, second;

before(async () => {
  builds = fs.mkdtempSync(path.join(os.tmpdir(), 'tb-browser-live-'));
  first = buildLive(builds, '1.0.0', ['-DLIVE_NAMES']);
  second = buildLive(builds, '1.0.1', ['-DLIVE_NAMES']);
  node = await new Node({plugins: ['ledger', 'governance', 'receipts', 'treasury', 'economics', 'energy'], profile: 'dev\n  empty_block_interval_ms: 0', env: {TB_CHAIN_EPOCH_LENGTH: String(kEpoch)}}).start();
  await node.rpc('plugin.upgrade', {path: first});
  browser = await new Browser().open();
});
after(async () => {
  if (browser) await browser.close();
  if (node) await node.close();
  fs.rmSync(builds, {recursive: true, force: true});
});

const role = (page, text) => page.locator('#login', {hasText: text}).waitFor();

test('a token decides what one may do', async () => {
  const page = await browser.page(node, {}, [/status of 401/]);
  await role(page, 'operator');  // loopback in the development profile
  await go(page, 'plugins');
  await page.locator('#plugin-role', {hasText: 'plugins are changed by admin'}).waitFor();
  await page.locator('tr.link', {hasText: 'live'}).click();
  await page.locator('dialog.sheet dt', {hasText: 'blake3'}).waitFor();
  assert.equal(await page.locator('dialog.sheet button:enabled', {hasText: 'Run'}).count(), 0);
  await page.keyboard.press('Escape');
  await logIn(page, 'nobody-gave-this-token-to-anybody');
  await page.locator('#login-error', {hasText: 'does not take this token'}).waitFor();
  const {token} = await node.token('admin');
  await page.locator('#token').fill(token);
  await page.locator('#login-ok').click();
  await role(page, 'Logged in: admin');
  await page.locator('#plugin-role', {hasText: 'you may change plugins'}).waitFor();
  await go(page, 'config');
  await page.locator('td', {hasText: 'chain.epoch_length'}).first().waitFor();
  await shot(page, 'admin-config');
  await go(page, 'events');
  await page.locator('.chip', {hasText: 'connected'}).waitFor();
  assert.equal(await page.evaluate(() => localStorage.getItem('token')), null);
  browser.check();
  await page.context().close();
});

test('a token that ends asks for another, and one that ended is refused', async () => {
  const page = await browser.page(node, {}, [/status of 401/, /401/]);
  const {token, id} = await node.token('admin');
  await logIn(page, token);
  await role(page, 'Logged in: admin');
  await node.rpc('token.revoke', {id});
  await page.locator('#login-error', {hasText: 'no longer valid'}).waitFor();
  await page.keyboard.press('Escape');
  await role(page, 'Role: operator');
  const brief = await node.rpc('token.create', {role: 'admin', ttl: 1});
  const ask = () => page.request.post(`http://127.0.0.1:${node.port}/`, {headers: {Authorization: `Bearer ${brief.token}`}, data: {jsonrpc: '2.0', id: 1, method: 'whoami'}});
  await waitFor('the end of the token', async () => (await ask()).status() === 401);
  await logIn(page, brief.token);
  await page.locator('#login-error', {hasText: 'Has it expired'}).waitFor();
  browser.check();
  await page.context().close();
});

test('a form of a manifest checks, tries and sends a command, and a query answers with a table', async () => {
  const page = await browser.page(node);
  await go(page, 'plugin/live');
  const box = page.locator('details.method', {hasText: 'live.add'});
  await box.locator('summary').click();
  await box.getByRole('button', {name: 'Send'}).click();
  assert.equal(await box.locator('input:invalid').count(), 1);
  await box.getByLabel('name').fill('ada');
  const before = (await node.rpc('node.status')).current_block_height;
  await box.getByRole('button', {name: 'Dry run'}).click();
  await box.getByText('it would be applied now').waitFor();
  assert.equal((await node.rpc('node.status')).current_block_height, before);
  await box.getByRole('button', {name: 'Send'}).click();
  await box.getByText(`Applied in block ${before + 1}`).waitFor();
  await go(page, 'plugin/economics');
  const query = page.locator('details.method', {hasText: 'economics.supply'});
  await query.locator('summary').click();
  await query.getByRole('button', {name: 'Ask'}).click();
  await query.locator('.result table').first().waitFor();
  const refused = page.locator('details.method', {hasText: 'economics.tariff_quote'});
  await refused.locator('summary').click();
  await refused.locator('input').first().fill('1');
  browser.check();
  await page.context().close();
});

async function endEpochs(until) {
  await waitFor('the epoch', async () => {
    if (await until()) return true;
    await node.rpc('chain.noop', {});
    return false;
  });
}

test('a parameter is proposed, voted on and changed, and the page shows its whole way', async () => {
  const page = await browser.page(node);
  await go(page, 'governance');
  await page.getByLabel('Filter').fill('treasury_percent');
  await page.locator('tr.link', {hasText: 'treasury_percent'}).click();
  const propose = page.locator('dialog.sheet .preset');
  await propose.getByLabel('new value').fill('25');
  await propose.getByLabel('vote window').fill('1');
  await propose.getByLabel('reason').fill('fund the audit');
  await propose.getByRole('button', {name: 'Send'}).click();
  await waitFor('the proposal', async () => (await node.rpc('gov.list')).proposals.length === 1);
  await page.keyboard.press('Escape');
  await page.locator('tr.link', {hasText: 'param'}).first().click();
  const sheet = page.locator('dialog.sheet');
  await sheet.locator('li[aria-current=step]', {hasText: 'votes are counted'}).waitFor();
  await sheet.getByRole('button', {name: 'Yes'}).click();
  await sheet.getByText('1 yes, 0 no').first().waitFor();
  await shot(page, 'governance-vote', false);
  await page.keyboard.press('Escape');
  await endEpochs(async () => (await node.rpc('gov.param', {key: 'treasury_percent'})).value === 25);
  await page.locator('tr.link', {hasText: 'activated'}).first().click();
  await sheet.locator('dd', {hasText: '0 → 25'}).waitFor();
  await page.keyboard.press('Escape');
  await page.locator('tr.link', {hasText: 'treasury_percent'}).last().click();
  await sheet.locator('td', {hasText: 'activate'}).waitFor();
  browser.check();
  await page.context().close();
});

test('a new version of a script is shown as what it changes', async () => {
  const source = (limit, version) => `hook = {name = "limits", version = "${version}", on = {"on_param_change"}, keys = {"*"}}\nfunction on_param_change(c)\n  if c.new > ${limit} then return false, "too much" end\n  return true\nend\n`;
  const one = await node.rpc('gov.propose_script', {source: source(100, '1.0.0'), vote_window: 1});
  await node.rpc('gov.vote', {id: one.id, choice: 'yes'});
  await endEpochs(async () => (await node.rpc('gov.scripts')).scripts.length === 1);
  const two = await node.rpc('gov.propose_script', {source: source(200, '1.1.0'), vote_window: 1000});
  const page = await browser.page(node);
  await go(page, 'governance');
  await page.locator('tr.link', {hasText: 'version 1.1.0'}).click();
  const diff = page.locator('dialog.sheet pre.diff');
  await diff.waitFor();
  assert.deepEqual((await diff.locator('.del').allTextContents()).length, 2);
  assert.match((await diff.locator('.add').allTextContents()).join(''), /c\.new > 200/);
  assert.equal(two.status, 'open');
  await shot(page, 'governance-script', false);
  browser.check();
  await page.context().close();
});

test('a changed configuration is taken over, compared and taken back', async () => {
  const page = await browser.page(node), sheet = page.locator('dialog.sheet'), file = path.join(node.dir, 'node.yaml');
  await logIn(page, (await node.token('admin')).token);
  await role(page, 'admin');
  await go(page, 'config');
  const reload = page.locator('details.method', {hasText: 'config.reload'});
  await reload.locator('summary').click();
  fs.appendFileSync(file, 'bus:\n  queue: 2048\n');
  await reload.getByRole('button', {name: 'Run'}).click();
  await page.locator('tr.link', {hasText: 'bus.queue'}).first().click();  // the newest generation names what it changed
  await sheet.locator('td', {hasText: /^2.048$/}).first().waitFor();
  await page.keyboard.press('Escape');
  assert.equal((await node.rpc('config.show'))['bus.queue'].value, 2048);
  await page.locator('section', {has: page.locator('h2', {hasText: 'Generations'})}).locator('tr.link').last().click();
  const back = sheet.locator('.preset');
  await back.getByRole('button', {name: 'Run'}).click();
  await waitFor('the old value', async () => (await node.rpc('config.show'))['bus.queue'].value === 1024);
  browser.check();
  await page.context().close();
});

test('a plugin is reloaded from its form while others watch', async () => {
  const admin = await browser.page(node), watcher = await browser.page(node);
  const {token} = await node.token('admin');
  await logIn(admin, token);
  await role(admin, 'admin');
  await go(watcher, 'plugin/live');
  await watcher.locator('dd').getByText('1.0.0', {exact: true}).waitFor();
  await go(admin, 'plugins');
  await admin.locator('tr.link', {hasText: 'live'}).click();
  const reload = admin.locator('dialog.sheet .preset', {hasText: 'Take another build'});
  await reload.getByLabel('path').fill(second);
  await reload.getByRole('button', {name: 'Run'}).click();
  await waitFor('the new image', async () => (await node.rpc('plugin.list')).some((p) => p.id === 'live' && p.version === '1.0.1'));
  await watcher.locator('dd').getByText('1.0.1', {exact: true}).waitFor();
  await admin.keyboard.press('Escape');
  await admin.locator('tr.link', {hasText: '1.0.1'}).waitFor();
  await reload.waitFor({state: 'detached'});
  browser.check();
  await admin.context().close();
  await watcher.context().close();
});

test('a plugin has its page from the moment that it is loaded until it is unloaded', async () => {
  const page = await browser.page(node), link = page.locator('#nav a[href="#/plugin/watcher"]');
  assert.equal(await link.count(), 0);
  await node.rpc('plugin.load', {file: buildLive(builds, '1.0.0', [], 'watcher')});
  await link.click();
  await page.locator('h1', {hasText: 'watcher'}).waitFor();
  await page.locator('dd .chip', {hasText: 'running'}).waitFor();
  await node.rpc('plugin.unload', {id: 'watcher'});
  await link.waitFor({state: 'detached'});
  browser.check();
  await page.context().close();
});

test('what anybody wrote is text', async () => {
  await node.rpc('live.add', {name: kHostile});
  await node.rpc('live.add', {name: 'ada'});
  const page = await browser.page(node);
  await go(page, 'plugin/live');
  await page.locator('details.fold summary', {hasText: 'Metrics'}).waitFor();
  await page.locator('.legend span', {hasText: kHostile}).first().waitFor();
  await page.locator('.lead', {hasText: kHostile}).waitFor();
  await go(page, 'events');
  await page.locator('select').selectOption('start');
  await page.getByRole('button', {name: 'Watch'}).click();
  await page.locator('.line', {hasText: kHostile}).first().click();
  await page.locator('dialog.sheet td', {hasText: kHostile}).waitFor();
  assert.equal(await page.locator('img[src="x"]').count(), 0);
  await shot(page, 'hostile', false);
  browser.check();
  await page.context().close();
});

test('everything is reached by keys', async () => {
  const page = await browser.page(node);
  await page.keyboard.press('g');
  await page.locator('h1', {hasText: 'Governance'}).waitFor();
  await page.keyboard.press('?');
  await page.locator('#keys-dialog dd', {hasText: 'Configuration'}).waitFor();
  await page.keyboard.press('Escape');
  await page.locator('#keys-dialog').waitFor({state: 'hidden'});
  await page.keyboard.press('/');
  await waitFor('a field to have the focus', () => page.evaluate(() => document.activeElement.tagName === 'INPUT'));
  await page.keyboard.press('p');  // types, and does not leave the page
  assert.equal(await page.locator('h1').textContent(), 'Governance');
  await page.locator('tr.link').first().focus();
  await page.keyboard.press('Enter');
  await page.locator('dialog.sheet').waitFor();
  assert.equal(await page.evaluate(() => document.querySelector('dialog.sheet').contains(document.activeElement)), true);
  browser.check();
  await page.context().close();
});
