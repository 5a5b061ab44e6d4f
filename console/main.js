// Where all begins: who is here, which screen the address names, and what is above all screens.
import { book } from './book.js'
import { openHistory } from './changes.js'
import { dogsScreen, ownersScreen } from './dogs.js'
import { button, byId, element, find, focusScreen } from './dom.js'
import { draftNames, dropDrafts, hasUnsaved } from './forms.js'
import { KennelError } from './kennel.js'
import { clearMessages, closeDialogs, confirm, tell } from './overlays.js'
import { explain, Refusal } from './problems.js'
import { currentUser, holdScreensWhile, isLoginWanted, kennel, leave } from './session.js'
import { loginWanted, logout, userChanged } from './session.js'
import { askToLogIn, mailView, signInView } from './signin.js'

/**
 * What is on the page: its title, its elements, and what ends it.
 *
 * @typedef {{ title: string, content: HTMLElement, close?: () => void }} Screen
 */

/** @typedef {(query: URLSearchParams) => Screen} Make makes a screen */

/** @type {Record<string, Make>} */
const SCREENS = { '/dogs': dogsScreen, '/owners': ownersScreen }
/** The screens that come when they are first opened: none is what people see first. @type {Record<string, Load>} */
const LATER = {
  '/tasks': async (again) => (await (again ? import(`./tasks.js#${again}`) : import('./tasks.js'))).tasksScreen,
  '/me': async (again) => (await (again ? import(`./me.js#${again}`) : import('./me.js'))).meScreen,
  '/users': async (again) => {
    /** @type {typeof import('./users.js')} */
    const { userScreen } = await (again ? import(`./users.js#${again}`) : import('./users.js'))
    return () => userScreen(route().name)
  },
}
/** @typedef {(again: number) => Promise<Make>} Load is told how often it has failed */
/** What everybody may see, logged in or not. */
const PUBLIC = '/users'
/** Milliseconds until a server that did not answer at the beginning is asked again. */
const AGAIN = 5000

const [main, banner] = [byId('main'), byId('banner')]
const [nav, account] = [
  .../** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll('.bar nav, .bar .account')),
]
/** @type {Screen | null} */
let screen = null
/** How often was said what to show: what comes too late is not shown. */
let turn = 0
/** @type {import('./signin.js').MailAction | null} */
let mail = null

/** The path and the query of the fragment, `#/dogs?q=rex`, or whose page it names: `#/users/annam`. */
function route() {
  const [path, query = ''] = location.hash.slice(1).split('?')
  const name = path.startsWith(`${PUBLIC}/`) ? path.slice(PUBLIC.length + 1) : ''
  return { path: name ? PUBLIC : path || '/dogs', name, query: new URLSearchParams(query) }
}

/** Takes what a mail leads to out of the address, so that its token stays in no history and no picture. */
function takeMail() {
  const given = new URLSearchParams(location.hash.slice(1))
  const action = given.get('action')
  if (!action) return
  mail = { action, token: given.get('token') ?? '' }
  history.replaceState(null, '', location.pathname)
}

/** Shows the screen of the address. */
function showScreen() {
  const user = currentUser()
  for (const part of [nav, account]) part.hidden = !user
  if (mail) {
    const view = mailView(mail, (next) => {
      mail = null
      if (next) show(next)
      else showScreen()
    })
    if (view) return show(view)
    mail = null
  }
  const { path, name, query } = route()
  if (!user && !name) return show(signInView(path))
  if (Object.hasOwn(LATER, path) && !SCREENS[path]) return void loadScreen(path)
  if (!Object.hasOwn(SCREENS, path) || (path === PUBLIC && !name)) return location.replace('#/dogs')
  for (const link of nav.querySelectorAll('a')) {
    const isHere = link.hash === `#${path === '/owners' ? '/dogs' : path}`
    if (isHere) link.setAttribute('aria-current', 'page')
    else link.removeAttribute('aria-current')
  }
  show(SCREENS[path](query))
}

/** Shows a screen that is not here yet, as soon as it is. @param {string} path */
async function loadScreen(path) {
  show({ title: 'Loading', content: element('p', { class: 'hint' }, 'Loading…') })
  const mine = turn
  let failures = 0
  const load = async () => {
    try {
      // A browser may remember that a file did not come. With a fragment it is another one, and asked for again.
      SCREENS[path] = await LATER[path](failures)
    } catch {
      failures++
      await reloadIfOld()
      throw new Refusal(navigator.onLine ? 'The server does not answer.' : 'You are offline.')
    }
  }
  if (await untilAnswered(load, mine)) showScreen()
}

/** Loads the page again if the server has another version of it by now: the files of this one are gone. */
async function reloadIfOld() {
  const answer = await fetch(import.meta.url, { method: 'HEAD', cache: 'no-store' }).catch(() => null)
  if (answer?.status === 404) location.reload()
}

/** @param {Screen} next */
function show(next) {
  turn++
  screen?.close?.()
  screen = next
  document.title = `${next.title} – Kennel`
  main.replaceChildren(next.content)
  scrollTo(0, 0)
  focusScreen()
}

/** Shows the screens of this user, whoever was here before. */
async function begin() {
  closeDialogs()
  clearMessages()
  book.end()
  const user = currentUser()
  if (user) {
    const isBegun = await untilAnswered(() => book.begin())
    if (!isBegun || currentUser() !== user) return
    if (/^#\/(login|signup|forgot)/.test(location.hash)) history.replaceState(null, '', '#/dogs')
    const drafts = draftNames(user.id).length
    if (drafts)
      tell([
        drafts === 1
          ? 'Something that you typed is not saved yet.'
          : `${drafts} things that you typed are not saved yet.`,
        ' Open the same form again, and it is there.',
      ])
  }
  showScreen()
}

/**
 * Does what a screen cannot begin without, as often as it takes. It answers whether it is done, and still wanted.
 *
 * @param {() => Promise<unknown>} work
 * @param {number} [since] the turn, if it is not wanted any more once something else is shown
 */
async function untilAnswered(work, since) {
  const isLate = () => since !== undefined && since !== turn
  for (;;) {
    try {
      await work()
      return !isLate()
    } catch (error) {
      if (isLate()) return false
      // The session has ended, which is told by itself.
      if (error instanceof KennelError && error.status === 401) return false
      const { text, retryAfter } = explain(error)
      const again = button('Try again', () => {})
      show({
        title: 'No answer',
        content: element(
          'div',
          { class: 'card' },
          element('h1', { tabindex: '-1' }, text),
          element('p', {}, 'It is tried again every few seconds.'),
          again,
        ),
      })
      if (since !== undefined) since = turn
      await new Promise((resume) => {
        again.addEventListener('click', resume)
        setTimeout(resume, (retryAfter ?? 0) * 1000 || AGAIN)
      })
      if (isLate()) return false
    }
  }
}

/** Says what is the matter with the connection, as long as it is. */
function showConnection() {
  const { state, problem } = book
  const lookNow = () => void book.catchUp().catch(() => {})
  if (!navigator.onLine)
    banner.replaceChildren('You are offline. What you type is kept, and can be saved when you are back.')
  else if (state === 'lost')
    banner.replaceChildren(`${problem ? explain(problem).text : 'The server does not answer.'} Trying again…`)
  else if (state === 'polling')
    banner.replaceChildren(
      'Too many windows follow this book at once. This one looks for changes now and then. ',
      button('Look now', lookNow),
    )
  else banner.replaceChildren()
}

async function endSession() {
  const user = currentUser()?.id
  const question = 'Something that you typed is not saved. It is forgotten when you log out.'
  if ((hasUnsaved() || draftNames(user).length) && !(await confirm('Log out?', [question], 'Log out'))) return
  // A mail that was not done with leads nobody but who has logged in.
  mail = null
  try {
    await logout()
    dropDrafts(user)
  } catch (error) {
    tell([`You are still logged in. ${explain(error).text}`], [{ label: 'Try again', run: () => void endSession() }], {
      isProblem: true,
    })
  }
}

userChanged.subscribe(() => void begin())
loginWanted.subscribe(({ user, isFresh, promise }) => askToLogIn(user, isFresh, promise))
book.stateChanged.subscribe(showConnection)
for (const type of ['online', 'offline']) addEventListener(type, showConnection)
addEventListener('hashchange', () => {
  mail = null
  takeMail()
  closeDialogs()
  // What was typed is kept, and offered again after the login.
  if (isLoginWanted()) leave()
  else showScreen()
})
// As a link it would lead to another screen.
find('.skip')?.addEventListener('click', (event) => {
  event.preventDefault()
  focusScreen()
})
holdScreensWhile(hasUnsaved)
byId('logout').addEventListener('click', () => void endSession())
byId('recent').addEventListener('click', () => void openHistory())
takeMail()
if ((await untilAnswered(() => kennel.refresh())) && !currentUser()) showScreen()
