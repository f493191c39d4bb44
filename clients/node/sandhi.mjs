// One system's signed calls to one gateway: a token renewed before it expires, a fresh DPoP proof for each request,
// patience with a busy gateway, the gateway's signature on answers checked. See README.md.

import { readFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { AnswerNotSigned, NoToken, Problem, Unreachable } from './errors.mjs';
import { OwnKey, isSigned, kidOf } from './keys.mjs';

export { AnswerNotSigned, NoToken, Problem, SandhiError, Unreachable } from './errors.mjs';

const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const BUSY = new Set([429, 503]);
const LATER = new Set(['source_down', 'no_evidence', 'too_many_requests']); // 503s that pass; `no_link` does not
const ACTING = new Set(['PATCH', 'POST']); // twice is not once (RFC 9110 section 9.2.2)
const UNTAKEN = new Set(['ECONNREFUSED', 'ENOTFOUND', 'UND_ERR_CONNECT_TIMEOUT']);
const EARLY_MS = 30_000;
const PATIENCE = { attempts: 5, firstMs: 200, longestMs: 5_000, toldMs: 30_000, timeoutMs: 60_000 };

export class Session {
  #token = '';
  #renewAt = 0;
  #fetching = null;
  #gatewayKeys = [];

  /** `credentials` is `{gateway, client_id, system, private_jwk}`, as `sandhi system add` writes it. */
  constructor(credentials, patience = {}) {
    this.credentials = credentials;
    this.origin = credentials.gateway.replace(/\/+$/, '');
    this.key = new OwnKey(credentials.private_jwk);
    this.patience = { ...PATIENCE, ...patience };
  }

  /** From `clients/<name>.json`. */
  static async fromFile(path, patience) {
    return new this(JSON.parse(await readFile(path, 'utf8')), patience);
  }

  /**
   * One signed call. A string as `body` is JSON Lines, anything else JSON. Gives the parsed answer.
   * `signed`: take no answer without the gateway's signature. `repeatable`: sending it twice does no harm; left out, a
   * POST or PATCH is only sent again with an `idempotency_key`, or when nobody took the connection.
   */
  async call(method, path, { query, body, signed = false, repeatable = !ACTING.has(method) || Boolean(body?.idempotency_key) } = {}) {
    const asked = query ? `${path}?${new URLSearchParams(Object.entries(query).filter(([, value]) => value != null))}` : path;
    for (let attempt = 0; ; attempt += 1) {
      const last = attempt + 1 >= this.patience.attempts;
      let response, bytes;
      try {
        response = await this.#once(method, asked, body);
        bytes = Buffer.from(await response.arrayBuffer());
      } catch (error) {
        if (error instanceof NoToken || last || !(repeatable || UNTAKEN.has(error.cause?.code))) throw asUnreachable(error, method, path);
        await this.#paused(attempt);
        continue;
      }
      if (response.status < 400) return this.#read(response, bytes, signed);
      const problem = new Problem(response.status, documentOf(bytes), retryAfter(response));
      if (last || !this.#worthAnother(problem, attempt)) throw problem;
      await this.#paused(attempt, problem.retryAfter);
    }
  }

  /** One question about one person, answered now and signed by the gateway. */
  exchange(question) {
    return this.call('POST', '/v1/exchanges', { body: question, signed: true, repeatable: true });
  }

  /** A token that still lasts a moment; many calls at once fetch one. */
  async token() {
    if (Date.now() < this.#renewAt) return this.#token;
    this.#fetching ??= this.#fetchToken().finally(() => (this.#fetching = null));
    return this.#fetching;
  }

  async #once(method, path, body) {
    const token = await this.token();
    const headers = {
      authorization: `DPoP ${token}`,
      dpop: this.key.proof(method, this.origin + path.split('?')[0], token),
    };
    if (body !== undefined) headers['content-type'] = typeof body === 'string' ? 'application/x-ndjson' : 'application/json';
    const sent = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
    return this.#fetched(path, { method, headers, body: sent });
  }

  async #fetchToken() {
    const url = `${this.origin}/oauth2/token`;
    const body = new URLSearchParams({
      grant_type: 'client_credentials',
      client_assertion_type: ASSERTION_TYPE,
      client_assertion: this.key.assertion(this.credentials.client_id, this.origin),
    });
    const response = await this.#fetched('/oauth2/token', { method: 'POST', headers: { dpop: this.key.proof('POST', url) }, body });
    const answer = documentOf(Buffer.from(await response.arrayBuffer()));
    if (BUSY.has(response.status)) throw new Unreachable('the token endpoint is busy');
    if (response.status !== 200) throw new NoToken(answer.error ?? String(response.status), answer.error_description);
    this.#token = answer.access_token;
    const lifetimeMs = answer.expires_in * 1000;
    this.#renewAt = Date.now() + Math.max(lifetimeMs - EARLY_MS, lifetimeMs / 2);
    return this.#token;
  }

  #fetched(path, how) {
    return fetch(this.origin + path, { ...how, redirect: 'error', signal: AbortSignal.timeout(this.patience.timeoutMs) });
  }

  async #read(response, bytes, signed) {
    const signature = response.headers.get('sandhi-signature');
    const streamed = response.headers.has('content-digest'); // then it is over the digest, RFC 9530
    if (signed || (signature && !streamed)) await this.#check(bytes, signature);
    const lines = (response.headers.get('content-type') ?? '').startsWith('application/x-ndjson');
    const text = bytes.toString('utf8');
    if (lines) return text.split('\n').filter(Boolean).map((line) => JSON.parse(line));
    return text ? JSON.parse(text) : null;
  }

  async #check(bytes, signature) {
    const kid = kidOf(signature);
    if (!this.#gatewayKeys.some((each) => each.kid === kid)) {
      this.#gatewayKeys = await this.#publishedKeys();
    }
    if (!isSigned(bytes, signature, this.#gatewayKeys)) {
      throw new AnswerNotSigned("the answer does not carry the gateway's signature over these bytes");
    }
  }

  async #publishedKeys() {
    try {
      const published = await this.#fetched('/.well-known/jwks.json', {});
      return documentOf(Buffer.from(await published.arrayBuffer())).keys ?? [];
    } catch (error) {
      throw asUnreachable(error, 'GET', '/.well-known/jwks.json');
    }
  }

  #worthAnother(problem, attempt) {
    if (problem.status === 401) {
      this.#renewAt = 0; // rotated, revoked or restarted: a new token tells, once
      return attempt === 0;
    }
    const bearable = (problem.retryAfter ?? 0) * 1000 <= this.patience.toldMs;
    return BUSY.has(problem.status) && LATER.has(problem.code) && bearable;
  }

  #paused(attempt, toldS = 0) {
    const own = Math.min(this.patience.longestMs, this.patience.firstMs * 2 ** attempt) * (0.5 + Math.random() / 2);
    return pause((toldS ?? 0) * 1000 + own);
  }
}

function documentOf(bytes) {
  try {
    const found = JSON.parse(bytes.toString('utf8'));
    return found && typeof found === 'object' ? found : {};
  } catch {
    return { code: 'unknown', detail: 'The answer is not JSON: this is not the gateway, or it is broken.' };
  }
}

/** Seconds from now, as RFC 9110 section 10.2.3 has it; null where nothing usable was said. */
function retryAfter(response) {
  const told = response.headers.get('retry-after') ?? '';
  if (/^[0-9]+$/.test(told)) return Number(told);
  const moment = Date.parse(told);
  return Number.isNaN(moment) ? null : Math.max(0, (moment - Date.now()) / 1000);
}

function asUnreachable(error, method, path) {
  if (error instanceof NoToken || error instanceof Unreachable) return error;
  return new Unreachable(`${method} ${path}: ${error.cause?.code ?? error.name}`, { cause: error });
}
