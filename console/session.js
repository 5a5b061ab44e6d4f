// Who is logged in, in this page and in the other tabs.
import { Kennel, KennelError } from './kennel.js'
import { Refusal } from './problems.js'
import { Topic } from './topic.js'

/** @typedef {import('./kennel.js').User} User */

/** For how many seconds a call is held back rather than that somebody is told to wait. */
const SOON = 3
const ENDED = 'You were logged out elsewhere, or too much time has passed. Log in again.'
const NOT_SENT = 'You are not logged in. Nothing was sent.'

/** Is told whose screens are to be shown from now on: those of nobody, too. @type {Topic<User | null>} */
export const userChanged = new Topic()
/** Is told that the same user has logged in again: what could not be read meanwhile can be. @type {Topic<void>} */
export const userReturned = new Topic()
/** Is told that what a user is doing wants a login first, whether because the session has ended or is not fresh. */
export const loginWanted = /** @type {Topic<Wanted>} */ (new Topic())

/** The access token is in here, in memory, and the refresh token in a cookie that no script can read. */
export const kennel = new Kennel(location.origin, { cookie: true, onUserChange: accept })

/** The other tabs of this browser. No token goes this way, only the news that it is time to look. */
const tabs = new BroadcastChannel('kennel session')
tabs.addEventListener('message', ({ data }) => {
  isByTab = data === 'logout'
  void look().finally(() => (isByTab = false))
})

/** @type {User | null} */
let shown = null
/** @typedef {{ user: User, isFresh: boolean, promise: Promise<void> }} Wanted */
/** @type {(Wanted & { resolve: () => void, reject: (reason: Error) => void }) | null} */
let wait = null
let isHeld = () => false
let isLeaving = false
/** Why there is no session, in words; what is said of its end when it comes; whether another tab has ended it. */
let reason = ''
let expected = ''
let isByTab = false

/** Whose screens are shown. Once the session has ended this may be somebody who has to log in again. */
export const currentUser = () => shown

/** Why nobody is logged in any more, in words; nothing where nobody was. */
export const reasonOfEnd = () => reason

/** Says how an end of the session is explained that is on its way. @param {string} text */
export function expectEnd(text) {
  expected = text
}

/**
 * Says when the screens must stay though the session has ended: while something is typed that is not saved.
 *
 * @param {() => boolean} isNeeded
 */
export function holdScreensWhile(isNeeded) {
  isHeld = isNeeded
}

/** Looks whether there is a session, as after another tab has begun or ended one. */
export async function look() {
  try {
    accept(await kennel.refresh())
  } catch (error) {
    // Without a server nothing is known. The next call tells.
    if (!(error instanceof KennelError)) throw error
  }
}

/** @param {{ username: string, password: string }} credentials */
export async function login(credentials) {
  const user = await kennel.login(credentials)
  tabs.postMessage('login')
  accept(user)
}

/** @param {string} [text] why there is no session then */
export async function logout(text = 'You are logged out.') {
  isLeaving = true
  expected = text
  try {
    await kennel.logout()
    tabs.postMessage('logout')
    // What has ended before, as with the account itself, is not told of again.
    if (shown) leave()
  } finally {
    isLeaving = false
    expected = ''
  }
}

/**
 * Takes over what has become of the account, as another name.
 *
 * @param {User} user
 */
export function updateUser(user) {
  shown = user
}

/**
 * Does what only this user may do. If the session has ended meanwhile, or is not fresh, it asks for the login, and goes
 * on. If somebody else logs in, it throws: nothing is sent in their name.
 *
 * @template T
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function asUser(work) {
  const user = shown
  for (let tries = 0; ; tries++) {
    if (shown?.id !== user?.id) throw new Refusal(NOT_SENT)
    try {
      return await work()
    } catch (error) {
      if (!user || !(error instanceof KennelError)) throw error
      // A quota that is used up comes back within seconds.
      if (error.type === '/problems/too-many-requests' && error.retryAfter <= SOON && tries < 2) {
        await new Promise((resume) => setTimeout(resume, error.retryAfter * 1000))
        continue
      }
      if (error.status !== 401 || isWrongPassword(error)) throw error
      await loggedIn(user, error.type === '/problems/fresh-login-required')
    }
  }
}

/** @param {KennelError} error */
const isWrongPassword = (error) => error.type === '/problems/invalid-credentials'

/**
 * Waits until this user has logged in. All that need it at the same time share one login.
 *
 * @param {User} user
 * @param {boolean} isFresh
 */
function loggedIn(user, isFresh) {
  if (!wait) {
    /** @type {() => void} */
    let resolve = () => {}
    /** @type {(reason: Error) => void} */
    let reject = () => {}
    const promise = new Promise((...both) => ([resolve, reject] = /** @type {any} */ (both)))
    wait = { user, isFresh, promise: /** @type {Promise<void>} */ (promise), resolve, reject }
    // Whether anybody waits for it or not.
    promise.catch(() => {})
    loginWanted.publish(wait)
  }
  return wait.promise
}

/** Gives up to wait for the login: what needed it throws. */
export function giveUpLogin() {
  wait?.reject(new Refusal(NOT_SENT))
  wait = null
}

/** Whether somebody waits for a login. */
export const isLoginWanted = () => wait !== null

/** Shows the screens of nobody, though something is typed that is not saved. */
export function leave() {
  giveUpLogin()
  show(null)
}

/** @param {User | null} user */
function accept(user) {
  if (user && user.id === shown?.id) {
    if (!wait) return
    wait.resolve()
    wait = null
    return userReturned.publish()
  }
  if (!user && shown && isHeld() && !isLeaving) void loggedIn(shown, false).catch(() => {})
  else if (user?.id !== shown?.id) {
    giveUpLogin()
    show(user)
  }
}

/** @param {User | null} user */
function show(user) {
  if (user) reason = ''
  else if (shown) reason = expected || (isByTab ? 'You are logged out.' : ENDED)
  shown = user
  userChanged.publish(user)
}
