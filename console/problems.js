// What went wrong, in words for people, and where it belongs.
import { KennelError } from './kennel.js'

const ENDED = 'You were logged out meanwhile. Load the page again to log in.'
/** Words for problems whose own are for programmers. The others' `detail` is shown as it is. */
const WORDS = /** @type {Record<string, string>} */ ({
  '/problems/too-many-attempts': 'Too many wrong passwords. After some of them the next try has to wait.',
  '/problems/too-many-requests': 'This was a bit much at once.',
  '/problems/too-many-streams': 'Too many windows follow this book at once.',
  '/problems/unavailable': 'The server is not available at the moment.',
  '/problems/internal-error': 'Something is broken on the server. It was written down there.',
  '/problems/validation-failed': 'Something needs your attention.',
  '/problems/not-found': 'It is not there any more.',
  '/problems/changed-since': 'It was changed again since then. Take the newer changes back first.',
  '/problems/changes-expired': 'This is too long ago: the change is forgotten.',
  '/problems/revoked-token': ENDED,
  '/problems/invalid-token': ENDED,
  '/problems/missing-token': ENDED,
  '/problems/precondition-failed': 'Somebody else has changed this meanwhile.',
  '/problems/invalid-or-used-token': 'This link is too old, or was used before.',
})

/** What this page itself says no to, in words for people. */
export class Refusal extends Error {
  name = 'Refusal'
}

/**
 * A problem, ready to be shown.
 *
 * @typedef {object} Explanation
 * @property {string} text what is wrong as a whole
 * @property {{ field: string, detail: string }[]} errors what is wrong with which field
 * @property {number | undefined} retryAfter the seconds after which another try makes sense
 * @property {boolean} isUnanswered whether nobody knows if it was done
 */

/**
 * @param {unknown} error
 * @returns {Explanation}
 */
export function explain(error) {
  if (error instanceof Refusal) return { text: error.message, errors: [], retryAfter: undefined, isUnanswered: false }
  if (isTimeout(error)) return unanswered('The server takes too long.')
  if (!(error instanceof KennelError)) {
    // A mistake in this program: whoever mends it finds it in the browser's console.
    console.error(error)
    return {
      text: `Something is broken in this page: ${error}`,
      errors: [],
      retryAfter: undefined,
      isUnanswered: false,
    }
  }
  if (error.status === 0) return unanswered(navigator.onLine ? 'The server does not answer.' : 'You are offline.')
  const errors = error.errors.map(({ pointer, parameter, detail }) => ({
    field: (pointer ?? '').split('/')[1] ?? parameter ?? '',
    // Programmers read backticks as marks, and others as letters.
    detail: (/^\/[^/]+\/[^/]/.test(pointer ?? '') ? `${pointer}: ${detail}` : detail).replaceAll('`', ''),
  }))
  const isGateway = error.type === 'about:blank'
  return {
    text: isGateway ? `The server cannot be reached (${error.status}).` : (WORDS[error.type] ?? error.detail),
    errors,
    retryAfter: error.retryAfter,
    // The server itself may not know either, when its database did not answer it.
    isUnanswered: error.status >= 500,
  }
}

/**
 * @param {string} text
 * @returns {Explanation}
 */
const unanswered = (text) => ({ text, errors: [], retryAfter: undefined, isUnanswered: true })

/** @param {unknown} error */
const isTimeout = (error) => error instanceof DOMException && error.name === 'TimeoutError'

/** Whether a call was called off, which is nobody's problem. @param {unknown} error */
export const isAborted = (error) => error instanceof DOMException && error.name === 'AbortError'

/**
 * Whether it is this problem.
 *
 * @param {unknown} error
 * @param {import('./kennel.js').ProblemType} type
 */
export const isProblem = (error, type) => error instanceof KennelError && error.type === type
