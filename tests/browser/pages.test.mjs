// Every page of a market under load: at a desk, on a phone, in the dark; and work on what the market shows.
import assert from 'node:assert/strict';
import {after, before, test} from 'node:test';
import {Browser, Node, go, kRoot, logIn, shot, waitFor} from './harness.mjs';

const kPages = {
  overview: '.card >> text=Height', alerts: 'td >> text=EnergyPendingCredits', energy: 'td >> text=energy-0x00000000', treasury: 'td >> text=energy_fee', governance: 'td >> text=treasury_percent',
  events: '.line >> text=energy.', logs: '.line >> text=command in a block', config: 'p >> text=shown to admin', plugins: 'td >> text=mock-oracle', 'plugin/energy': 'h3 >> text=Active Providers',
};
let node, browser;

before(async () => {
  node = await new Node({plugins: ['ledger', 'governance', 'receipts', 'treasury', 'economics', 'energy', 'mock-oracle'],
    config: `mock_oracle:\n  listen: 127.0.0.1:0\n  step_ms: 200\n  data_file: ${kRoot}/config/sample-data/gb-electricity-demand-2000.csv\n`}).start();
  await waitFor('the first settlement', async () => (await node.rpc('energy.receipts')).total > 0);
  browser = await new Browser().open();
});
after(async () => {
  if (browser) await browser.close();
  if (node) await node.close();
});

async function everyPage(page, name) {
  for (const [hash, sign] of Object.entries(kPages)) {
    await go(page, hash);
    await page.locator(`main ${sign}`).first().waitFor();
    assert.equal(await page.locator('main .error').count(), 0, `${hash} shows an error`);
    const [width, seen] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    assert.ok(width <= seen, `${hash} is ${width} wide on a screen of ${seen}`);
    await shot(page, `${name}-${hash.replace('/', '-')}`);
  }
  browser.check();
}

test('each page shows the node at a desk', async () => {
  const page = await browser.page(node);
  const response = await page.request.get(node.url);
  assert.match(response.headers()['content-security-policy'], /default-src 'none'; script-src 'self'/);
  await everyPage(page, 'desk');
  await page.context().close();
});

test('what is shown moves by itself', async () => {
  const page = await browser.page(node);
  const height = async () => Number((await page.locator('#height').textContent()).replace(/\D/g, ''));
  const first = await height();
  await waitFor('a newer height in the page', async () => (await height()) > first);
  const ticker = await page.locator('.ticker .line').first().textContent();
  await waitFor('a newer event in the page', async () => (await page.locator('.ticker .line').first().textContent()) !== ticker);
  await page.locator('.chart canvas').first().waitFor();
  await go(page, 'energy');
  const delivered = async () => page.locator('.card', {hasText: 'Delivered'}).textContent();
  await page.locator('.card', {hasText: 'Delivered'}).waitFor();
  const before = await delivered();
  await waitFor('more energy in the page', async () => (await delivered()) !== before);
  browser.check();
  await page.context().close();
});

test('a credit becomes a dispute, and the dispute is resolved', async () => {
  const page = await browser.page(node);
  await logIn(page, (await node.token('admin')).token);
  await page.locator('#login', {hasText: 'admin'}).waitFor();
  await go(page, 'energy');
  await page.locator('tr.link', {hasText: 'pending'}).first().click();
  const flag = page.locator('dialog.sheet .preset', {hasText: 'Open a dispute'});
  await flag.getByLabel('reason').fill('the meter jumps');
  await flag.getByRole('button', {name: 'Dry run'}).click();
  await flag.getByText('it would be applied now').waitFor();
  assert.equal((await node.rpc('energy.disputes')).total, 0);
  await flag.getByRole('button', {name: 'Send'}).click();
  await flag.getByText('Applied in block').waitFor();
  assert.equal((await node.rpc('energy.disputes')).disputes[0].reason, 'the meter jumps');
  await page.keyboard.press('Escape');
  await page.locator('tr.link', {hasText: 'the meter jumps'}).click();
  const resolve = page.locator('dialog.sheet .preset', {hasText: 'End a dispute'});
  await resolve.getByLabel('resolution note').fill('read again, it is right');
  await resolve.getByRole('button', {name: 'Send'}).click();
  await page.locator('dialog.sheet td', {hasText: 'read again, it is right'}).waitFor();
  assert.equal((await node.rpc('energy.disputes')).disputes[0].status, 'resolved');
  browser.check();
  await page.context().close();
});

test('an alert that holds is shown where everybody looks', async () => {
  const page = await browser.page(node);
  await waitFor('more than 25 credits', async () => (await node.rpc('energy.credits')).total > 25);
  await page.locator('.attention li', {hasText: 'EnergyPendingCredits'}).waitFor();
  await go(page, 'alerts');
  await page.locator('td', {hasText: 'EnergyPendingCredits'}).click();
  await page.locator('dialog.sheet pre', {hasText: 'energy_pending_credits_total > 25'}).waitFor();
  browser.check();
  await page.context().close();
});

test('what alerts were judged by outlives a reload of the page', async () => {
  const page = await browser.page(node);
  const held = () => page.evaluate(async () => {
    const {alertRules} = await import('/console/js/alerts.js');
    const rule = (alertRules() || []).find((one) => one.name === 'EnergyPendingCredits');
    return rule && rule.state !== 'waiting' && rule.since !== null ? {since: rule.since, state: rule.state} : null;
  });
  const before = await waitFor('a judgement', held);
  await page.reload();
  assert.deepEqual(await waitFor('a judgement after the reload', held), before);
  browser.check();
  await page.context().close();
});

test('a phone shows every page without scrolling sideways', async () => {
  const page = await browser.page(node, {viewport: {width: 390, height: 844}, isMobile: true, hasTouch: true});
  assert.equal(await page.locator('#nav').isVisible(), false);
  await page.locator('#menu').tap();
  await page.locator('#nav a[href="#/governance"]').tap();
  await page.locator('h1', {hasText: 'Governance'}).waitFor();
  assert.equal(await page.locator('#nav').isVisible(), false);
  await everyPage(page, 'phone');
  await page.context().close();
});

test('the dark is chosen by the system or by a key, and is remembered', async () => {
  const page = await browser.page(node);
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await ground();
  await page.keyboard.press('t');
  const dark = await ground();
  assert.notEqual(dark, light);
  await page.reload();
  await page.locator('#state', {hasText: 'live'}).waitFor();
  assert.equal(await ground(), dark);
  await page.context().close();
  const evening = await browser.page(node, {colorScheme: 'dark'});
  assert.equal(await evening.evaluate(() => getComputedStyle(document.body).backgroundColor), dark);
  await everyPage(evening, 'dark');
  await evening.context().close();
});
