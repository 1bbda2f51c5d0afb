// A node that is killed and comes back while somebody looks at it, and one that answers nobody without a token.
import assert from 'node:assert/strict';
import {after, before, test} from 'node:test';
import {Browser, Node, go, logIn, shot, waitFor} from './harness.mjs';

let node, browser;

before(async () => {
  node = await new Node({plugins: ['ledger', 'governance'], profile: 'dev\n  empty_block_interval_ms: 0'}).start();
  browser = await new Browser().open();
});
after(async () => {
  if (browser) await browser.close();
  if (node) await node.close();
});

test('the page says that it is stale, keeps what it knew, and goes on by itself', async () => {
  const expected = [/ERR_CONNECTION/, /WebSocket connection to .* failed/, /ERR_EMPTY_RESPONSE/, /ERR_SOCKET/];
  const page = await browser.page(node, {}, expected), events = await browser.page(node, {}, expected);
  await node.rpc('chain.noop', {});
  await go(events, 'events');
  await events.locator('.chip', {hasText: 'connected'}).waitFor();
  await node.rpc('gov.propose', {key: 'treasury_percent', new_value: 5});
  await events.locator('.line', {hasText: 'gov.proposed'}).first().waitFor();
  await go(page, 'governance');
  await page.locator('td', {hasText: 'treasury_percent'}).first().waitFor();
  const height = (await node.rpc('node.status')).current_block_height;

  await node.kill();
  await page.locator('#state', {hasText: 'stale'}).waitFor();
  await page.locator('.stale-mark', {hasText: 'the node does not answer'}).first().waitFor();
  assert.ok(await page.locator('td', {hasText: 'treasury_percent'}).first().isVisible());
  await events.locator('.chip', {hasText: 'connecting again'}).waitFor();
  await shot(page, 'stale');

  await node.start();
  await page.locator('#state', {hasText: 'live'}).waitFor();
  await waitFor('the marks to go', async () => (await page.locator('.stale-mark:visible').count()) === 0);
  assert.ok((await node.rpc('node.status')).current_block_height >= height);
  await events.locator('.chip', {hasText: 'connected'}).waitFor();
  const before = await events.locator('.line', {hasText: 'gov.proposed'}).count();
  await node.rpc('gov.propose', {key: 'treasury_percent', new_value: 7});
  await waitFor('the next event', async () => (await events.locator('.line', {hasText: 'gov.proposed'}).count()) === before + 1);
  browser.check();
});

test('a node that answers nobody without a token asks for it, and then shows everything', async () => {
  const closed = await new Node({plugins: ['ledger'], env: {TB_RPC_AUTH_TOKEN: 'only-who-knows-this-is-answered'}}).start();
  try {
    const page = await browser.page(closed, {}, [/status of 401/, /WebSocket connection to .* failed/], 'unauthorized');
    await page.locator('#login-error', {hasText: 'answers nobody without a token'}).waitFor();
    await page.keyboard.press('Escape');
    await logIn(page, 'only-who-knows-this-is-answered');
    await page.locator('#state', {hasText: 'live'}).waitFor();
    await page.locator('#login', {hasText: 'Logged in'}).waitFor();
    await go(page, 'events');
    await page.locator('.chip', {hasText: 'connected'}).waitFor();
    browser.check();
  } finally {
    await closed.close();
  }
});
