// The screen of the account: what it is, where it is logged in, and what becomes of all that is in it.
import { book } from './book.js'
import { confirm, openDialog } from './dialogs.js'
import { addButton, head, tellFailure } from './dogs.js'
import { button, element, present, uniqueId, written } from './dom.js'
import { newKey, openEditor } from './editor.js'
import { choiceField, fileField, passwordField, textField } from './fields.js'
import { count, formatAgo, formatDate, formatMoment, today } from './format.js'
import { Form, patience } from './forms.js'
import { tell } from './messages.js'
import { explain, isProblem } from './problems.js'
import { account, page } from './resources.js'
import { asUser, currentUser, kennel, login, logout, updateUser } from './session.js'
import { keepKeysField, newPasswordField } from './signin.js'

/** @typedef {import('./kennel.js').Schemas} Schemas */
/** @typedef {import('./dom.js').Child} Child */

/** Milliseconds that an import may take: it is the largest of all calls. */
const IMPORT = 60_000

/** @returns {import('./main.js').Screen} */
export function meScreen() {
  const panels = [accountPanel(), pagePanel(), sessionsPanel(), keysPanel(), dataPanel()]
  for (const { load } of panels) void load()
  return { title: 'Me', content: element('div', {}, head('Me'), element('div', { class: 'panels' }, ...panels.map(({ element }) => element))) }
}

/**
 * A part of the screen that reads what it shows, and tells if that cannot be done.
 *
 * @param {string} title
 * @param {() => Promise<Child[]>} read
 */
function panel(title, read) {
  const id = uniqueId('panel')
  const content = element('div', { class: 'panel-content' }, element('p', { class: 'hint' }, 'Loading…'))
  async function load() {
    const had = content.contains(document.activeElement)
    try {
      content.replaceChildren(...present(await read()))
    } catch (error) {
      content.replaceChildren(element('p', { class: 'hint' }, explain(error).text), button('Try again', () => void load()))
    }
    if (had) heading.focus()
  }
  const heading = element('h2', { id, tabindex: '-1' }, title)
  return { element: element('section', { class: 'panel', 'aria-labelledby': id }, heading, content), load }
}

/** @param {...Child} content */
const buttons = (...content) => element('div', { class: 'buttons' }, ...present(content))

// ---------------------------------------------------------------- account, password

function accountPanel() {
  const self = panel('Account', async () => {
    const { data: user } = await kennel.get('/me')
    if (user.username !== currentUser()?.username) updateUser(user)
    const fact = (/** @type {string} */ term, /** @type {Child[]} */ ...value) => element('div', {}, element('dt', {}, term), element('dd', {}, ...present(value)))
    return [
      element('dl', { class: 'facts-list' },
        fact('Username', written(user.username)),
        fact('E-mail', written(user.email), user.verified_at ? ` – confirmed ${formatDate(user.verified_at.slice(0, 10))}` : ' – not confirmed yet'),
        fact('Since', formatDate(user.created_at.slice(0, 10)))),
      buttons(
        button('Edit', () => void openEditor(account, { id: user.id, onSaved: () => void self.load() })),
        button('Change password', changePassword),
        !user.verified_at && button('Send the mail again', () => void sendAgain(user.email)),
      ),
    ]
  })
  return self
}

/** @param {string} email */
async function sendAgain(email) {
  try {
    await asUser(() => kennel.patch('/me', { body: { email }, signal: patience() }))
    tell(['A mail is on its way to ', written(email), '.'])
  } catch (error) {
    tellFailure(error, () => void sendAgain(email))
  }
}

function changePassword() {
  const form = new Form({
    label: 'Change password',
    fields: [
      passwordField({ name: 'current_password', label: 'Present password', autocomplete: 'current-password' }),
      newPasswordField('new_password', 'New password'),
      keepKeysField(),
    ],
    submit: 'Change password',
    async send({ current_password, new_password, keep_keys }) {
      const body = { current_password, new_password, keep_keys }
      await asUser(() => kennel.put('/me/password', { body, signal: patience() }))
      form.forget()
      close()
      tell(['Your password is another one now. All other sessions have ended.'])
    },
    buttons: [button('Cancel', () => cancel())],
  })
  const { close, cancel } = openDialog('Change password', [form.element])
}

// ---------------------------------------------------------------- public page

function pagePanel() {
  const self = panel('Public page', async () => {
    const edit = (/** @type {number} */ id) => void openEditor(page, { ...(id && { id }), onSaved: () => void self.load() })
    try {
      const { data: profile } = await kennel.get('/me/profile')
      const path = `/users/${currentUser()?.username}`
      return [
        element('p', {}, written(profile.description)),
        element('p', { class: 'hint' }, 'Everybody sees this, your username, and the names and ages of your dogs.'),
        element('p', {}, element('a', { href: path }, path)),
        buttons(button('Edit page', () => edit(1)), button('Take it off', () => void takeOff())),
      ]
    } catch (error) {
      if (!isProblem(error, '/problems/not-found')) throw error
      return [
        element('p', {}, 'There is none: nobody but you sees your dogs.'),
        buttons(button('Make a public page', () => edit(0))),
      ]
    }
  })
  async function takeOff() {
    if (!(await confirm('Take the public page off?', ['Nobody sees your dogs then. What it says is forgotten.'], 'Take it off'))) return
    try {
      await asUser(() => page.remove(1))
    } catch (error) {
      if (!isProblem(error, '/problems/not-found')) return tellFailure(error, () => void takeOff())
    }
    tell(['Your public page is gone.'])
    void self.load()
  }
  return self
}

// ---------------------------------------------------------------- sessions

function sessionsPanel() {
  const self = panel('Sessions', async () => {
    const sessions = []
    for await (const session of kennel.list('/me/sessions')) sessions.push(session)
    sessions.sort((one, other) => Number(other.current) - Number(one.current) || other.last_seen_at.localeCompare(one.last_seen_at))
    return [
      element('ul', { class: 'rows', 'aria-label': 'Sessions' }, ...sessions.map(show)),
      sessions.length > 1 && buttons(button('End all others', () => void end())),
    ]
  })
  /** @param {Schemas['LiveSession']} session */
  function show({ id, user_agent, created_at, last_seen_at, current }) {
    const name = program(user_agent)
    return element('li', { class: 'row' },
      element('div', {},
        element('div', { class: 'title', title: user_agent }, written(name), current && ' ', current && element('span', { class: 'badge' }, 'this one')),
        element('div', { class: 'facts' }, element('span', {}, `since ${formatMoment(created_at)}`), element('span', {}, `seen ${formatAgo(last_seen_at)}`))),
      !current && button('End', () => void end(id), { 'aria-label': `End the session of ${name}, since ${formatMoment(created_at)}` }))
  }
  /** @param {number} [session_id] all others without one */
  async function end(session_id) {
    try {
      await asUser(() => session_id
        ? kennel.delete('/me/sessions/{session_id}', { path: { session_id }, signal: patience() })
        : kennel.delete('/me/sessions', { signal: patience() }))
    } catch (error) {
      if (!isProblem(error, '/problems/not-found')) return tellFailure(error, () => void end(session_id))
    }
    tell([session_id ? 'The session has ended.' : 'All other sessions have ended.'])
    void self.load()
  }
  return self
}

/** What somebody would call the program that logged in. @param {string | null} userAgent */
function program(userAgent) {
  const known = (/** @type {[RegExp, string][]} */ names) => names.find(([pattern]) => pattern.test(userAgent ?? ''))?.[1]
  const browser = known([[/Edg\//, 'Edge'], [/OPR\//, 'Opera'], [/Firefox\//, 'Firefox'], [/Chrom(e|ium)\//, 'Chrome'], [/Safari\//, 'Safari']])
  const system = known([[/Android/, 'Android'], [/iPhone|iPad/, 'iOS'], [/Windows/, 'Windows'], [/Mac OS/, 'macOS'], [/Linux/, 'Linux']])
  return browser ? [browser, system].filter(Boolean).join(' on ') : (userAgent?.split(' ')[0] ?? 'A program without a name')
}

// ---------------------------------------------------------------- API keys

function keysPanel() {
  const self = panel('API keys', async () => {
    const keys = []
    for await (const key of kennel.list('/me/keys')) keys.push(key)
    return [
      element('p', { class: 'hint' }, 'For programs: a key opens your dogs, owners and tasks without a password.'),
      element('ul', { class: 'rows', 'aria-label': 'API keys' }, ...keys.map(show)),
      buttons(addButton('Make a key', () => makeKey(() => void self.load()))),
    ]
  })
  /** @param {Schemas['ApiKey']} key */
  function show({ id, name, scope, hint, expires_at, last_used_on }) {
    const isOver = expires_at !== null && Date.parse(expires_at) < Date.now()
    return element('li', { class: 'row' },
      element('div', {},
        element('div', { class: 'title' }, written(name), isOver && ' ', isOver && element('span', { class: 'badge over' }, 'expired')),
        element('div', { class: 'facts' },
          element('span', {}, scope === 'read' ? 'only reads' : 'reads and writes'),
          element('span', {}, '…', element('code', {}, hint)),
          element('span', {}, expires_at ? `${isOver ? 'expired' : 'good until'} ${formatMoment(expires_at)}` : 'does not expire'),
          element('span', {}, last_used_on ? `used ${formatDate(last_used_on)}` : 'never used'))),
      button('Delete', () => void remove(id, name), { 'aria-label': `Delete the key ${name}` }))
  }
  /**
   * @param {number} key_id
   * @param {string} name
   */
  async function remove(key_id, name) {
    if (!(await confirm('Delete the key?', ['A program that uses ', written(name), ' is refused from then on.'], 'Delete the key'))) return
    try {
      await asUser(() => kennel.delete('/me/keys/{key_id}', { path: { key_id }, signal: patience() }))
    } catch (error) {
      if (!isProblem(error, '/problems/not-found')) return tellFailure(error, () => void remove(key_id, name))
    }
    tell(['The key is gone.'])
    void self.load()
  }
  return self
}

/** @param {() => void} onMade */
function makeKey(onMade) {
  const form = new Form({
    label: 'API key',
    fields: [
      textField({ name: 'name', label: 'What it is for', isNeeded: true }),
      choiceField({ name: 'scope', label: 'What it may do', choices: [['read', 'Only read'], ['write', 'Read and write']], value: 'read' }),
      choiceField({
        name: 'expires_in_days',
        label: 'How long it is good',
        choices: [[7, '7 days'], [30, '30 days'], [90, '90 days'], [365, 'A year'], [null, 'Until it is deleted']],
        value: 90,
      }),
    ],
    submit: 'Make the key',
    async send({ name, scope, expires_in_days }) {
      const body = { name, scope, expires_in_days }
      const { data } = await asUser(() => kennel.post('/me/keys', { body, signal: patience() }))
      form.forget()
      close()
      onMade()
      showKey(data)
    },
    buttons: [button('Cancel', () => cancel())],
  })
  const { close, cancel } = openDialog('Make an API key', [form.element])
}

/** @param {Schemas['NewApiKey']} key */
function showKey({ name, key }) {
  const status = element('p', { role: 'status' })
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(key)
      status.textContent = 'Copied.'
    } catch {
      getSelection()?.selectAllChildren(code)
      status.textContent = 'The browser does not let this page copy. The key is selected: copy it yourself.'
    }
  }
  const code = element('code', { class: 'key', tabindex: '0', 'aria-label': 'The key' }, key)
  const text = element('p', {}, 'This is the key ', written(name), '. It is shown only now: put it where the program finds it.')
  const { close } = openDialog('Your new API key', [text, code, buttons(button('Copy', () => void copy(), { class: 'primary' }), button('Done', () => close())), status])
}

// ---------------------------------------------------------------- export, import, the end

function dataPanel() {
  return panel('Your data', async () => [
    element('p', { class: 'hint' }, 'All that is kept about you, as one file; and what such a file holds, added to what is here.'),
    buttons(button('Export', () => void exportAll()), button('Import', importFile)),
    element('p', { class: 'hint' }, 'The history of your dogs, owners and tasks, by which changes are taken back.'),
    buttons(button('Forget the history', () => void forget())),
    element('p', { class: 'hint' }, 'The account with everything in it.'),
    buttons(button('Delete the account', deleteAccount, { class: 'danger' })),
  ])
}

async function exportAll() {
  try {
    const { data } = await asUser(() => kennel.get('/me/export'))
    const url = URL.createObjectURL(new Blob([JSON.stringify(data, null, 1)], { type: 'application/json' }))
    element('a', { href: url, download: `kennel-${today()}.json` }).click()
    setTimeout(() => URL.revokeObjectURL(url), IMPORT)
    tell(['The file is in your downloads.'])
  } catch (error) {
    tellFailure(error, () => void exportAll())
  }
}

function importFile() {
  // One file is added once, however often it has to be sent.
  let sent = { text: '', key: '' }
  /** @type {Form} */
  const form = new Form({
    label: 'Import',
    fields: [fileField({ name: 'file', label: 'File', accept: '.json,application/json', hint: 'What “Export” has made, here or elsewhere. It is checked first.' })],
    submit: 'Check the file',
    async send({ file }) {
      const text = await file.text()
      if (text !== sent.text) sent = { text, key: newKey() }
      const body = read(text)
      if (!body) return form.showErrors('This is no file of Kennel: it is not JSON.', [])
      const wait = () => AbortSignal.timeout(IMPORT)
      const { data: found } = await asUser(() => kennel.post('/me/import', { body, query: { dry_run: true }, signal: wait() }))
      if (!(await confirm('Add what is in the file?', [`${amounts(found)}. What is here already stays as it is.`], 'Add'))) return
      await book.write('import', undefined, async () => {
        const before = (await kennel.get('/dogowner/book')).data.last
        await kennel.post('/me/import', { body, idempotencyKey: sent.key, signal: wait() })
        const { last } = (await kennel.get('/dogowner/book')).data
        return { data: Array.from({ length: last - before }, (_, index) => ({ seq: before + 1 + index })) }
      })
      form.forget()
      close()
    },
    buttons: [button('Cancel', () => cancel())],
  })
  const { close, cancel } = openDialog('Import', [form.element])
}

/** @param {string} text */
function read(text) {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** @param {Schemas['Imported']} found */
const amounts = ({ owners, dogs, tasks, profile }) =>
  [count(owners, 'owner'), count(dogs, 'dog'), count(tasks, 'task'), profile && 'the public page'].filter(Boolean).join(', ')

async function forget() {
  const text = 'Nothing that was done until now can be taken back then. Your dogs, owners and tasks stay as they are.'
  if (!(await confirm('Forget the history?', [text], 'Forget it'))) return
  try {
    await asUser(() => kennel.delete('/dogowner/changes', { signal: patience() }))
    tell(['The history is forgotten.'])
  } catch (error) {
    tellFailure(error, () => void forget())
  }
}

function deleteAccount() {
  const form = new Form({
    label: 'Delete the account',
    fields: [passwordField({ name: 'password', label: 'Password', autocomplete: 'current-password' })],
    submit: 'Delete everything',
    isDangerous: true,
    async send({ password }) {
      await login({ username: currentUser()?.username ?? '', password })
      await asUser(() => kennel.delete('/me', { signal: AbortSignal.timeout(IMPORT) }))
      form.forget()
      close()
      await logout()
    },
    buttons: [button('Cancel', () => cancel())],
  })
  const text = 'Your dogs, owners, tasks, keys and your public page are gone for good. Nobody can bring them back. Export them first if you may want them again.'
  const { close, cancel } = openDialog('Delete the account?', [element('p', {}, text), form.element])
}
