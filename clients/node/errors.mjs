// What can go wrong, as the Python client has it: `code` is stable and explained by the gateway at /errors/{code}.

const PASSING = new Set(['source_down', 'source_stale', 'no_evidence', 'too_many_requests']);

/** All errors of this client. */
export class SandhiError extends Error {}

/** A problem document (RFC 9457). `retryAfter` is in seconds, null where the gateway said nothing. */
export class Problem extends SandhiError {
  constructor(status, document, retryAfter = null) {
    super(`${status} ${document.code ?? 'unknown'}: ${document.detail ?? ''}`);
    this.status = status;
    this.document = document;
    this.code = document.code ?? 'unknown';
    this.detail = document.detail ?? '';
    this.retryable = document.retryable ?? PASSING.has(this.code);
    this.retryAfter = retryAfter;
    this.exchangeId = document.exchange_id ?? '';
  }
}

/** The token endpoint refused; `error` is OAuth's code. */
export class NoToken extends SandhiError {
  constructor(error, description = '') {
    super(`${error}: ${description}`);
    this.error = error;
  }
}

/** No answer after all attempts; whether the gateway acted is not known. */
export class Unreachable extends SandhiError {}

/** The answer does not carry the gateway's good signature. */
export class AnswerNotSigned extends SandhiError {}
