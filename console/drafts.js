// What was typed and not saved, kept in the browser until it is: a tab that is closed by mistake loses nothing. Passwords
// and tokens never come here.
import { currentUser } from './session.js'

/** For how long what nobody comes back to is kept, in milliseconds. */
const KEPT = 7 * 86_400_000
const PREFIX = 'kennel draft '

/**
 * @typedef {object} Draft
 * @property {Record<string, unknown>} values
 * @property {number} at when it was typed
 * @property {Attempt} [attempt] the create that may have been done, though no answer came
 */
/** @typedef {{ key: string, body: any }} Attempt */

/** @param {string} name */
const place = (name) => `${PREFIX}${currentUser()?.id} ${name}`

/**
 * @param {string} name
 * @returns {Draft | null}
 */
export function loadDraft(name) {
  try {
    const draft = JSON.parse(localStorage.getItem(place(name)) ?? 'null')
    return draft && Date.now() - draft.at < KEPT ? draft : null
  } catch {
    return null
  }
}

/**
 * @param {string} name
 * @param {Omit<Draft, 'at'>} draft
 */
export function saveDraft(name, draft) {
  try {
    localStorage.setItem(place(name), JSON.stringify({ ...draft, at: Date.now() }))
  } catch {
    // Without room, or where the browser keeps nothing, the form itself still has it.
  }
}

/** @param {string} name */
export function dropDraft(name) {
  localStorage.removeItem(place(name))
}

/** The names of what this user has typed and not saved, and of nobody else. */
export function draftNames() {
  const start = place('')
  return Object.keys(localStorage)
    .filter((key) => key.startsWith(start))
    .map((key) => key.slice(start.length))
}

/** Forgets all that this user has typed, as when they log out of a browser that others use. */
export function dropDrafts() {
  for (const name of draftNames()) dropDraft(name)
}
