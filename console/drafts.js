// What was typed and not saved, kept in the browser until it is: a tab that is closed by mistake loses nothing. Passwords
// and tokens never come here.

/** For how long what nobody comes back to is kept, in milliseconds. */
const KEPT = 7 * 86_400_000

/**
 * @typedef {object} Draft
 * @property {Record<string, unknown>} values
 * @property {number} at when it was typed
 * @property {Attempt} [attempt] the create that may have been done, though no answer came
 */
/** @typedef {{ key: string, body: any }} Attempt */
/** @typedef {number | undefined} UserId whose it is: nobody else is shown it */

/**
 * @param {UserId} user
 * @param {string} name
 */
const place = (user, name) => `kennel draft ${user} ${name}`

/**
 * @param {UserId} user
 * @param {string} name
 * @returns {Draft | null}
 */
export function loadDraft(user, name) {
  try {
    const draft = JSON.parse(localStorage.getItem(place(user, name)) ?? 'null')
    return draft && Date.now() - draft.at < KEPT ? draft : null
  } catch {
    return null
  }
}

/**
 * @param {UserId} user
 * @param {string} name
 * @param {Omit<Draft, 'at'>} draft
 */
export function saveDraft(user, name, draft) {
  try {
    localStorage.setItem(place(user, name), JSON.stringify({ ...draft, at: Date.now() }))
  } catch {
    // Without room, or where the browser keeps nothing, the form itself still has it.
  }
}

/**
 * @param {UserId} user
 * @param {string} name
 */
export function dropDraft(user, name) {
  localStorage.removeItem(place(user, name))
}

/** The names of what a user has typed and not saved. Those that are too old are forgotten. @param {UserId} user */
export function draftNames(user) {
  const start = place(user, '')
  const names = Object.keys(localStorage).filter((key) => key.startsWith(start)).map((key) => key.slice(start.length))
  for (const name of names) if (!loadDraft(user, name)) dropDraft(user, name)
  return names.filter((name) => loadDraft(user, name))
}

/** Forgets all that a user has typed, as when they log out of a browser that others use. @param {UserId} user */
export function dropDrafts(user) {
  for (const name of draftNames(user)) dropDraft(user, name)
}
