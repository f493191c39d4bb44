// Against a running gateway: SANDHI_CLIENTS names the folder of credentials, GATEWAY_MODULE the generated module.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { generateKeyPairSync } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { generated, nameOf, typeOf } from './generate.mjs';
import { OwnKey, isSigned } from './keys.mjs';

const { AnswerNotSigned, Gateway, NoToken, Problem, Unreachable } = await import(pathToFileURL(process.env.GATEWAY_MODULE));
const QUICK = { attempts: 3, firstMs: 1, longestMs: 2, toldMs: 1_500 };
const QUESTION = {
  service: 'tax.employment',
  purpose: 'employment-support.eligibility',
  subject: { identifiers: [{ type: 'NIC', value: '198061308997' }], names: [{ language: 'sin', script: 'Sinh', value: 'කමලා' }] },
  claim: { name: 'employment_status', parameters: { months: 6 } },
};

const credentials = async (name) => JSON.parse(await readFile(join(process.env.SANDHI_CLIENTS, `${name}.json`), 'utf8'));
const client = async (name) => new Gateway(await credentials(name), QUICK);
const newKey = () => {
  const { privateKey } = generateKeyPairSync('ed25519');
  return { ...privateKey.export({ format: 'jwk' }), kid: 'made-up', alg: 'EdDSA' };
};

test('the catalogue says what the system may call', async () => {
  const catalogue = await (await client('sr')).getCatalogue();
  assert.equal(catalogue.system, 'LK/GOV/WBB/SRIS');
  const tax = catalogue.yours.find((each) => each.service === 'tax.employment');
  assert.deepEqual(tax.claims, ['employment_status']);
  assert.ok(tax.ways.batch.includes('/v1/batches'));
});

test('a refused exchange is a problem with its code and its exchange', async () => {
  const problem = await (await client('sr')).exchange(QUESTION).catch((error) => error);
  assert.ok(problem instanceof Problem);
  assert.equal(problem.code, 'refused_by_rules');
  assert.equal(problem.status, 403);
  assert.match(problem.exchangeId, /^[0-9a-f-]{36}$/);
  assert.equal(problem.retryable, false);
});

test('a system without an agreement learns nothing, and its catalogue says why', async () => {
  const stranger = await client('stranger');
  const problem = await stranger.exchange(QUESTION).catch((error) => error);
  assert.equal(problem.code, 'not_available');
  const catalogue = await stranger.getCatalogue();
  assert.deepEqual(catalogue.yours, []);
  assert.match(catalogue.empty_because, /^No agreement names/);
});

test('a batch is sent, waited for and read line by line', async () => {
  const gateway = await client('sr');
  const { claim, purpose, service, subject } = QUESTION;
  const lines = ['a', 'b'].map((line) => ({ line, subject }));
  const started = await gateway.postBatches({ service, purpose, claim, lines, idempotency_key: `node-${process.pid}` });
  let batch = started;
  while (batch.state === 'running') batch = await gateway.getBatch(started.batch_id);
  const results = await gateway.getBatchResults(started.batch_id);
  assert.deepEqual(results.map((each) => each.line), ['a', 'b']);
});

test('ids and queries go into the address as they should', async () => {
  const problem = await (await client('sr')).getDelivery('no/such?one').catch((error) => error);
  assert.ok(['not_found', 'forbidden'].includes(problem.code));
  const page = await (await client('sr')).getConsents({ limit: 1, after: undefined });
  assert.ok(Array.isArray(page.consents));
});

test('a wrong key gets no token', async () => {
  const wrong = new Gateway({ ...(await credentials('sr')), private_jwk: newKey() }, QUICK);
  await assert.rejects(wrong.getCatalogue(), (error) => error instanceof NoToken && error.error === 'invalid_client');
});

test('nobody there is unreachable', async () => {
  const lost = new Gateway({ ...(await credentials('sr')), gateway: 'http://127.0.0.1:9' }, QUICK);
  await assert.rejects(lost.getCatalogue(), Unreachable);
});

test('many calls at once share one token', async () => {
  const gateway = await client('sr');
  const tokens = await Promise.all(Array.from({ length: 10 }, () => gateway.token()));
  assert.equal(new Set(tokens).size, 1);
});

const CUT = 'the answer begins and never ends';

/** A gateway of our own that answers what the test says, after the token endpoint's usual answer. */
async function scripted(answers, work) {
  const seen = [];
  const server = createServer((request, response) => {
    request.resume();
    const token = request.url === '/oauth2/token';
    if (!token) seen.push(request.url);
    if (!token && answers[0] === CUT) {
      answers.shift();
      response.writeHead(200, { 'content-length': '99' }).write('{');
      setTimeout(() => response.destroy(), 20);
      return;
    }
    const [status, headers, body] = token ? [200, {}, { access_token: 't', expires_in: 300 }] : (answers.shift() ?? [200, {}, { keys: [] }]);
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
  });
  await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
  const gateway = `http://127.0.0.1:${server.address().port}`;
  try {
    return [await work(new Gateway({ gateway, client_id: 'x', system: 'X', private_jwk: newKey() }, QUICK)), seen];
  } finally {
    server.close();
    server.closeAllConnections?.();
  }
}

test('a busy gateway is asked again after as long as it says', async () => {
  const busy = [503, { 'retry-after': '1' }, { code: 'source_down' }];
  const before = Date.now();
  const [answer, seen] = await scripted([busy, [200, {}, { fine: true }]], (gateway) => gateway.getCatalogue());
  assert.deepEqual([answer, seen.length], [{ fine: true }, 2]);
  assert.ok(Date.now() - before >= 1000);
});

test('a longer wait is left to the caller, and what does not pass is not repeated', async () => {
  for (const [status, code, after] of [[429, 'too_many_requests', '60'], [503, 'no_link', null], [403, 'forbidden', null]]) {
    const headers = after ? { 'retry-after': after } : {};
    const [problem, seen] = await scripted([[status, headers, { code }]], (gateway) => gateway.getCatalogue().catch((error) => error));
    assert.deepEqual([problem.code, problem.retryAfter, seen.length], [code, after && Number(after), 1]);
  }
});

test('what may act twice is not sent again when its answer was cut, unless it has a key', async () => {
  const cut = (gateway) => gateway.call('POST', '/v1/things', { body: { a: 1 } }).catch((error) => error);
  const [refused, once] = await scripted([CUT, [200, {}, {}]], cut);
  assert.deepEqual([refused.constructor, once.length], [Unreachable, 1]);
  const keyed = (gateway) => gateway.call('POST', '/v1/things', { body: { idempotency_key: 'k' } });
  assert.equal((await scripted([CUT, [200, {}, {}]], keyed))[1].length, 2);
  assert.equal((await scripted([CUT, [200, {}, {}]], (gateway) => gateway.getCatalogue()))[1].length, 2);
});

test('an exchange without the signature of a published key is not taken', async () => {
  const unsigned = [200, {}, { outcome: 'answered' }];
  await scripted([unsigned], (gateway) => assert.rejects(gateway.exchange(QUESTION), AnswerNotSigned));
  const forged = [200, { 'sandhi-signature': 'e30..AAAA' }, { outcome: 'answered' }];
  await scripted([forged], (gateway) => assert.rejects(gateway.getCatalogue(), AnswerNotSigned));
});

test('every kind of key signs what it can be checked with', () => {
  const kinds = { EdDSA: ['ed25519', {}], ES256: ['ec', { namedCurve: 'P-256' }], PS256: ['rsa', { modulusLength: 2048 }] };
  for (const [alg, [kind, how]] of Object.entries(kinds)) {
    const { privateKey, publicKey } = generateKeyPairSync(kind, how);
    const own = new OwnKey({ ...privateKey.export({ format: 'jwk' }), kid: alg, alg });
    const [head, payload, made] = own.proof('GET', 'http://x/y').split('.');
    const published = [{ ...publicKey.export({ format: 'jwk' }), kid: 'k', alg }];
    const detached = own.assertion('c', 'i').split('.');
    published[0].kid = alg;
    assert.ok(head && payload && made);
    assert.ok(isSigned(Buffer.from(detached[1], 'base64url'), `${detached[0]}..${detached[2]}`, published));
    assert.ok(!isSigned(Buffer.from('other'), `${detached[0]}..${detached[2]}`, published));
  }
  assert.throws(() => new OwnKey({ kty: 'oct', kid: 'x', alg: 'HS256' }), TypeError);
});

test('the generator names operations and refuses two of one name', () => {
  assert.equal(nameOf('get', '/v1/batches/{batch_id}/results'), 'getBatchResults');
  assert.equal(nameOf('post', '/v1/exchanges'), 'postExchanges');
  assert.equal(nameOf('get', '/v1/policies/{id}'), 'getPolicy');
  assert.equal(typeOf({ anyOf: [{ type: 'string' }, { type: 'null' }] }), 'string | null');
  const operation = { security: [{ dpop: [] }], responses: {} };
  const paths = { '/v1/things/{a}': { get: operation }, '/v1/thing/{b}': { get: operation } };
  assert.throws(() => generated({ paths, components: { schemas: {} } }), /getThing/);
});
