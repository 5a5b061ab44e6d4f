// The screen of the account: what it is, where it is logged in, and what becomes of all that is in it.
import { book } from './book.js'
import { badge, button, element, rowText, written } from './dom.js'
import { newKey, openEditor } from './editor.js'
import { choiceField, fileField, passwordField, textField } from './fields.js'
import { count, formatAgo, formatDate, formatMoment, today } from './format.js'
import { Form, patience } from './forms.js'
import { attempt, confirm, openDialog, tell } from './overlays.js'
import { isProblem, Refusal } from './problems.js'
import { account, page } from './resources.js'
import { addButton, copyButton, head, panel, publicAddress, publicLink } from './screens.js'
import { asUser, currentUser, expectEnd, kennel, login, logout, updateUser } from './session.js'
import { keepKeysField, newPasswordField, orWrongPassword } from './signin.js'

/** @typedef {import('./kennel.js').Schemas} Schemas */
/** @typedef {import('./dom.js').Child} Child */

/** Milliseconds that an import may take: it is the largest of all calls. */
const IMPORT = 60_000
/** What two browsers call themselves, and what people do. @type {Record<string, string>} */
const BROWSERS = { Edg: 'Edge', OPR: 'Opera' }

/** @returns {import('./main.js').Screen} */
export function meScreen() {
  const [sessions, keys] = [sessionsPanel(), keysPanel()]
  const onPassword = () => {
    void sessions.load()
    void keys.load()
  }
  const panels = [accountPanel(onPassword), pagePanel(), sessions, keys, dataPanel()]
  return {
    title: 'Me',
    content: element(
      'div',
      {},
      head('Me'),
      element('div', { class: 'panels' }, ...panels.map(({ element }) => element)),
    ),
  }
}

/** @param {...Child} content */
const buttons = (...content) => element('div', { class: 'buttons' }, ...content)

/**
 * Tells what was done, and shows what has become of it.
 *
 * @param {string} text
 * @param {{ load: () => Promise<void> }} panel
 */
function told(text, panel) {
  tell([text])
  void panel.load()
}

/**
 * Asks for something in a dialog, and answers what came of it when the dialog has closed.
 *
 * @template T
 * @param {string} title
 * @param {Omit<ConstructorParameters<typeof Form>[0], 'buttons' | 'send'> &
 *   { send: (values: Record<string, any>) => Promise<T> }} options
 * @param {string} [text]
 * @returns {Promise<T>}
 */
const ask = (title, { send, ...options }, text) =>
  new Promise((answer) => {
    const isRefused = Symbol('refused')
    /** @type {Form} */
    const form = new Form({
      ...options,
      buttons: [button('Cancel', () => cancel())],
      async send(values) {
        const result = await send(values).catch((error) => {
          if (!(error instanceof NoExport)) throw error
          const items = error.details.map((detail) => element('li', {}, detail))
          const summary = element('summary', {}, 'What is wrong with it')
          const more = element('details', {}, summary, element('ul', {}, ...items))
          form.alert(element('p', {}, error.message), more)
          return isRefused
        })
        if (result === isRefused) return
        form.forget()
        close()
        answer(/** @type {T} */ (result))
      },
    })
    const { close, cancel } = openDialog([title], [text && element('p', {}, text), form.element])
  })

// ---------------------------------------------------------------- account, password

/**
 * The address that was asked for, as long as this page lives: the server does not tell it.
 *
 * @type {{ user: number, email: string } | null}
 */
let asked = null

/** @param {() => void} onPassword */
function accountPanel(onPassword) {
  const self = panel('section', 'Account', async () => {
    const { data: user } = await kennel.get('/me')
    if (user.username !== currentUser()?.username) updateUser(user)
    if (asked?.user !== user.id || asked.email === user.email) asked = null
    const fact = (/** @type {string} */ term, /** @type {Child[]} */ ...value) =>
      element('div', {}, element('dt', {}, term), element('dd', {}, ...value))
    return [
      element(
        'dl',
        { class: 'facts-list' },
        fact('Username', written(user.username)),
        fact(
          'E-mail',
          written(user.email),
          user.verified_at ? ` – confirmed ${formatDate(user.verified_at.slice(0, 10))}` : ' – not confirmed yet',
        ),
        asked &&
          fact(
            'Waits to be confirmed',
            written(asked.email),
            ': open the link in the mail to it, and stay logged in here until then.',
          ),
        fact('Since', formatDate(user.created_at.slice(0, 10))),
      ),
      buttons(
        button('Edit', () => void openEditor(account, { id: user.id, onSaved })),
        button('Change password', () => void changePassword(onPassword)),
        !user.verified_at && button('Send the mail again', () => void sendAgain(user.email)),
      ),
    ]
  })
  const onSaved = (/** @type {Schemas['User']} */ user, /** @type {Schemas['User']} */ { email }) => {
    const isAnother = email.trim() !== user.email
    if (isAnother) asked = { user: user.id, email: email.trim() }
    void self.load()
    if (!isAnother) return
    tell([
      'Your address changes once you open the link in the mail to ',
      written(email),
      '. Stay logged in here until then.',
    ])
  }
  return self
}

/** @param {string} email */
const sendAgain = (email) =>
  attempt(
    () => asUser(() => kennel.patch('/me', { body: { email }, signal: patience() })),
    () => tell(['A mail is on its way to ', written(email), '.']),
  )

/** @param {() => void} onDone */
const changePassword = (onDone) =>
  ask('Change password', {
    fields: [
      passwordField({ name: 'current_password', label: 'Current password', autocomplete: 'current-password' }),
      newPasswordField('new_password', 'New password'),
      keepKeysField(),
    ],
    submit: 'Change password',
    async send({ current_password, new_password, keep_keys }) {
      const body = { current_password, new_password, keep_keys }
      await asUser(() => kennel.put('/me/password', { body, signal: patience() }))
      tell(['Your password is changed. You are logged out everywhere else.'])
      onDone()
    },
  })

// ---------------------------------------------------------------- public page

function pagePanel() {
  const self = panel('section', 'Public page', async () => {
    const edit = (/** @type {number} */ id) =>
      void openEditor(page, {
        ...(id && { id }),
        onSaved: () => {
          void self.load()
          if (!id) tell(['Your public page is there: ', written(publicAddress(currentUser()?.username ?? ''))])
        },
      })
    try {
      const { data: profile } = await kennel.get('/me/profile')
      return [
        element('p', {}, written(profile.description)),
        element('p', { class: 'hint' }, 'Everybody sees this, your username, and the names and ages of your dogs.'),
        ...publicLink(currentUser()?.username ?? ''),
        buttons(
          button('Edit page', () => edit(1)),
          button('Take it off', () => void takeOff()),
        ),
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
    const text = 'Nobody but you sees your dogs then. What you wrote about you and your dogs is lost.'
    if (!(await confirm('Take the public page off?', [text], 'Take it off'))) return
    await attempt(
      () => asUser(() => page.remove(1)),
      () => told('Your public page is gone.', self),
    )
  }
  return self
}

// ---------------------------------------------------------------- sessions

function sessionsPanel() {
  const self = panel('section', 'Where you are logged in', async () => {
    const sessions = []
    for await (const session of kennel.list('/me/sessions')) sessions.push(session)
    sessions.sort(
      (one, other) => Number(other.current) - Number(one.current) || other.last_seen_at.localeCompare(one.last_seen_at),
    )
    return [
      element('ul', { class: 'rows', 'aria-label': 'Where you are logged in' }, ...sessions.map(show)),
      sessions.length > 1 && buttons(button('Log out everywhere else', () => void end())),
    ]
  })
  /** @param {Schemas['LiveSession']} session */
  function show({ id, user_agent, created_at, last_seen_at, current }) {
    const name = program(user_agent)
    const since = `since ${formatMoment(created_at)}`
    const text = rowText(
      [written(name), ' ', current && badge('', 'this one')],
      [since, `last used ${formatAgo(last_seen_at)}`],
    )
    const label = { 'aria-label': `Log out ${name}, ${since}` }
    return element('li', { class: 'row' }, text, !current && button('Log out', () => void end(id), label))
  }
  /** @param {number} [session_id] all others without one */
  const end = (session_id) =>
    attempt(
      () =>
        asUser(() =>
          session_id
            ? kennel.delete('/me/sessions/{session_id}', { path: { session_id }, signal: patience() })
            : kennel.delete('/me/sessions', { signal: patience() }),
        ),
      () => told(session_id ? 'It is logged out.' : 'You are logged out everywhere else.', self),
    )
  return self
}

/** What somebody would call the program that logged in. @param {string | null} userAgent */
function program(userAgent) {
  const given = userAgent ?? 'A program without a name'
  // Browsers claim to be those that were there before them, too.
  const browser = /Firefox|Edg|OPR/.exec(given) ?? /Chrome|Safari/.exec(given)
  const system = /Android|iPhone|iPad|Windows|Mac OS|Linux/.exec(given)
  return browser ? `${BROWSERS[browser[0]] ?? browser[0]} on ${system ?? 'a machine'}` : given.split('/')[0]
}

// ---------------------------------------------------------------- API keys

function keysPanel() {
  const self = panel('section', 'API keys', async () => {
    const keys = []
    for await (const key of kennel.list('/me/keys')) keys.push(key)
    return [
      element('p', { class: 'hint' }, 'For programs: a key opens your dogs, owners and tasks without a password.'),
      element('p', { class: 'hint' }, 'That a key was used is noted within the hour.'),
      element('ul', { class: 'rows', 'aria-label': 'API keys' }, ...keys.map(show)),
      buttons(addButton('Make a key', () => void makeKey(() => void self.load()))),
    ]
  })
  /** @param {Schemas['ApiKey']} key */
  function show({ id, name, scope, hint, expires_at, last_used_on }) {
    const isOver = expires_at !== null && Date.parse(expires_at) < Date.now()
    const end = expires_at ? `${isOver ? 'expired' : 'good until'} ${formatMoment(expires_at)}` : 'does not expire'
    const facts = [
      scope === 'read' ? 'only reads' : 'reads and writes',
      element('code', {}, `…${hint}`),
      end,
      last_used_on ? `used ${formatDate(last_used_on)}` : 'no use noted yet',
    ]
    const text = rowText([written(name), ' ', isOver && badge('over', 'expired')], facts)
    const label = { 'aria-label': `Delete the key ${name}` }
    return element(
      'li',
      { class: 'row' },
      text,
      button('Delete', () => void remove(id, name), label),
    )
  }
  /**
   * @param {number} key_id
   * @param {string} name
   */
  async function remove(key_id, name) {
    const text = ['A program that uses ', written(name), ' is refused from then on.']
    if (!(await confirm('Delete the key?', text, 'Delete the key'))) return
    await attempt(
      () => asUser(() => kennel.delete('/me/keys/{key_id}', { path: { key_id }, signal: patience() })),
      () => told('The key is gone.', self),
    )
  }
  return self
}

/** @param {() => void} onMade */
async function makeKey(onMade) {
  const key = await ask('Make an API key', {
    fields: [
      textField({ name: 'name', label: 'What it is for', isNeeded: true }),
      choiceField({
        name: 'scope',
        label: 'What it may do',
        choices: [
          ['read', 'Only read'],
          ['write', 'Read and write'],
        ],
        value: 'read',
      }),
      choiceField({
        name: 'expires_in_days',
        label: 'How long it is good',
        choices: [
          [7, '7 days'],
          [30, '30 days'],
          [90, '90 days'],
          [365, 'A year'],
          [null, 'Until it is deleted'],
        ],
        value: 90,
      }),
    ],
    submit: 'Make the key',
    async send({ name, scope, expires_in_days }) {
      const body = { name, scope, expires_in_days }
      return (await asUser(() => kennel.post('/me/keys', { body, signal: patience() }))).data
    },
  })
  onMade()
  showKey(key)
}

/** Shows a key, and not again: whoever closes it by mistake is asked. @param {Schemas['NewApiKey']} made */
function showKey(made) {
  const { name, key } = made
  const code = element('code', { class: 'key', tabindex: '0', 'aria-label': 'The key' }, key)
  const call = `curl -H "Authorization: Bearer ${key}" ${location.origin}/dogowner/dogs`
  const line = element('code', { class: 'key', tabindex: '0', 'aria-label': 'The line' }, call)
  const text = [
    'This is the key ',
    written(name),
    '. It is shown only now: put it where the program finds it.',
  ]
  const docs = element('a', { href: '/docs', target: '_blank' }, 'All that a program can ask for')
  const { close } = openDialog(
    ['Your new API key'],
    [
      element('p', {}, ...text),
      code,
      buttons(...copyButton('Copy the key', code, { class: 'primary' })),
      element('p', {}, 'This line lists your dogs where there is a command line. ', docs),
      line,
      buttons(...copyButton('Copy the line', line)),
      buttons(button('I have kept it', () => close())),
    ],
    {
      async onCancel() {
        const isKept = await confirm('Have you kept the key?', ['It is not shown again.'], 'I have kept it')
        if (!isKept) showKey(made)
      },
    },
  )
}

// ---------------------------------------------------------------- export, import, the end

function dataPanel() {
  return panel('section', 'Your data', async () => [
    element('p', { class: 'hint' }, '“Export” saves all that is kept about you as one file.'),
    element('p', { class: 'hint' }, '“Import” adds what is in such a file to what is here.'),
    buttons(
      button('Export', () => void exportAll()),
      button('Import', importFile),
    ),
    element('p', { class: 'hint' }, 'The history of your dogs, owners and tasks, by which changes are taken back.'),
    buttons(button('Forget the history', () => void forget())),
    element('p', { class: 'hint' }, 'Deletes the account, and everything in it, for good.'),
    buttons(button('Delete the account', deleteAccount, { class: 'danger' })),
  ])
}

const exportAll = () =>
  attempt(async () => {
    const { data } = await asUser(() => kennel.get('/me/export'))
    const url = URL.createObjectURL(new Blob([JSON.stringify(data, null, 1)], { type: 'application/json' }))
    element('a', { href: url, download: `kennel-${today()}.json` }).click()
    setTimeout(() => URL.revokeObjectURL(url), IMPORT)
    tell(['The file is in your downloads.'])
  })

function importFile() {
  // One file is added once, however often it has to be sent.
  let sent = { text: '', key: '' }
  const wait = () => AbortSignal.timeout(IMPORT)
  const hint = 'What “Export” has made, here or elsewhere. It is checked first.'
  ask('Import', {
    fields: [fileField({ name: 'file', label: 'File', accept: '.json,application/json', hint })],
    submit: 'Check the file',
    async send({ file }) {
      const text = await file.text()
      if (text !== sent.text) sent = { text, key: newKey() }
      const body = read(text)
      const check = { body, query: { dry_run: true }, signal: wait() }
      const { data: found } = await asUser(() => kennel.post('/me/import', check)).catch((error) => {
        if (!isProblem(error, '/problems/validation-failed')) throw error
        const errors = /** @type {{ pointer?: string, detail: string }[]} */ (error.errors.slice(0, 20))
        throw new NoExport(errors.map(({ pointer, detail }) => `${pointer ?? ''}: ${detail}`))
      })
      const question =
        `${amounts(found)}. They are added beside what is here: ` +
        'importing the same file twice makes everything twice.'
      if (!(await confirm('Add what is in the file?', [question], 'Add'))) throw new Refusal('Nothing was added.')
      await book.write('import', undefined, async () => {
        const before = (await kennel.get('/dogowner/book')).data.last
        await kennel.post('/me/import', { body, idempotencyKey: sent.key, signal: wait() })
        const { last } = (await kennel.get('/dogowner/book')).data
        return { data: Array.from({ length: last - before }, (_, index) => ({ seq: before + 1 + index })) }
      })
    },
  })
}

/** A file that is none of an export, and what is wrong with it. */
class NoExport extends Refusal {
  /** @param {string[]} details */
  constructor(details) {
    super('This is no file of Kennel’s export.')
    this.details = details
  }
}

/** @param {string} text */
function read(text) {
  try {
    return JSON.parse(text)
  } catch {
    throw new NoExport(['It is not JSON.'])
  }
}

/** @param {Schemas['Imported']} found */
const amounts = ({ owners, dogs, tasks, profile }) =>
  [count(owners, 'owner'), count(dogs, 'dog'), count(tasks, 'task'), profile && 'the public page']
    .filter(Boolean)
    .join(', ')

async function forget() {
  const text = 'Nothing that was done until now can be taken back then. Your dogs, owners and tasks stay as they are.'
  if (!(await confirm('Forget the history?', [text], 'Forget it'))) return
  await attempt(
    () => asUser(() => kennel.delete('/dogowner/changes', { signal: patience() })),
    () => tell(['The history is forgotten.']),
  )
}

function deleteAccount() {
  const text =
    'Your dogs, owners, tasks, keys and your public page are gone for good. Export them first if you may want them.'
  const field = passwordField({ name: 'password', label: 'Password', autocomplete: 'current-password' })
  const send = async (/** @type {Record<string, any>} */ { password }) => {
    await orWrongPassword(login({ username: currentUser()?.username ?? '', password }))
    expectEnd('Your account is deleted.')
    try {
      await asUser(() => kennel.delete('/me', { signal: AbortSignal.timeout(IMPORT) }))
      await logout('Your account is deleted.')
    } finally {
      expectEnd('')
    }
  }
  void ask('Delete the account?', { fields: [field], submit: 'Delete everything', isDangerous: true, send }, text)
}
