// Starts Swagger UI on this server's contract, with a login, and with problems that are told field by field.
// Tokens are kept here, in memory: what is reloaded is logged out.
(() => {
  'use strict'

  const root = document.getElementById('docs')

  // ---------------------------------------------------------------- light and dark

  const dark = matchMedia('(prefers-color-scheme: dark)')
  const shade = () => document.documentElement.classList.toggle('dark-mode', dark.matches)
  dark.addEventListener('change', shade)
  shade()

  // ---------------------------------------------------------------- problems

  /** What went wrong with an answer, as a problem (RFC 9457) with the seconds to wait. */
  const problemOf = (text, headers) => {
    let body
    try {
      body = JSON.parse(text)
    } catch {
      return null
    }
    if (typeof body?.title !== 'string') return null
    const wait = Number(headers['retry-after'])
    return { ...body, wait: Number.isInteger(wait) && wait > 0 ? wait : null }
  }

  const UNREACHABLE = {
    title: 'The server cannot be reached',
    detail: 'No answer came: it was stopped, or there is no network. Nothing is known of whether the request was done.',
  }

  const seconds = (count) => (count === 1 ? '1 second' : `${count} seconds`)

  // ---------------------------------------------------------------- the session

  let session = null
  let renewal = null

  /** Calls this server with JSON. Throws a problem. */
  const call = async (path, body, token) => {
    let answer
    try {
      answer = await fetch(path, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', Accept: 'application/json', ...(token && { Authorization: `Bearer ${token}` }) },
        body: JSON.stringify(body),
      })
    } catch {
      throw UNREACHABLE
    }
    const text = await answer.text()
    if (!answer.ok) {
      const headers = { 'retry-after': answer.headers.get('retry-after') }
      throw problemOf(text, headers) ?? { title: `The answer is ${answer.status}`, detail: text }
    }
    return text === '' ? null : JSON.parse(text)
  }

  const keep = (username, tokens, system) => {
    session = {
      username,
      access: tokens.access_token,
      refresh: tokens.refresh_token,
      // A little before its time is over, so that it is still good when it arrives.
      staleAt: performance.now() + Math.max(tokens.expires_in - 30, 0) * 1000,
    }
    const schema = { type: 'http', scheme: 'bearer' }
    system.authActions.authorize({ bearer: { name: 'bearer', schema, value: session.access } })
  }

  const forget = (system) => {
    session = null
    system.authActions.logout(['bearer'])
  }

  const logIn = async (username, password, system) =>
    keep(username, await call('/auth/login', { username, password }), system)

  const logOut = async (system) => {
    const { access, refresh } = session
    forget(system)
    await call('/auth/logout', { refresh_token: refresh }, access)
  }

  /** Gets the next tokens, once for all who need them. */
  const renew = (system) => {
    const { username, refresh } = session
    renewal ??= call('/auth/refresh', { refresh_token: refresh })
      .then((tokens) => keep(username, tokens, system))
      .catch((problem) => {
        // Of a session that is over there is nothing to keep; the request goes out and is told so.
        if (problem.status === 401) forget(system)
      })
      .finally(() => (renewal = null))
    return renewal
  }

  const ENDED = ['/problems/revoked-token', '/problems/invalid-token', '/problems/expired-token']

  // ---------------------------------------------------------------- the contract

  let contract = null

  /** The contract as it is shown: of this very server, with the guide apart, and at each operation all that it takes. */
  /** What the contract says of API keys at each operation. */
  const KEYS = {
    read: 'An API key of either scope opens this.',
    write: 'An API key with the scope `write` opens this.',
    none: 'No API key opens this: it wants a login.',
  }

  const prepared = (contract) => {
    const [first, ...rest] = contract.info.description.split(/^(?=## )/m)
    const steps = rest.filter((part) => part.startsWith('## Five steps')).join('')
    contract.info.description = `${first}${steps}\n\nOn this page the second step, or *Authorize*, logs in, and the token is sent along.`
    contract.info['x-guide'] = rest.filter((part) => !part.startsWith('## Five steps')).join('')
    contract.servers = [{ url: location.origin }]
    for (const item of Object.values(contract.paths)) {
      const { parameters: shared = [], ...operations } = item
      for (const operation of Object.values(operations)) {
        operation.parameters = [...(operation.parameters ?? []), ...shared]
        const keys = KEYS[operation['x-keys']]
        if (keys) operation.description = `${operation.description}\n\n${keys}`
      }
      delete item.parameters
    }
    return contract
  }

  /** What the part at this path needs of the contract. */
  const excerpt = (path) => {
    const { openapi, info, security } = contract
    const part = { openapi, info: { title: info.title, version: info.version }, security, paths: {} }
    const take = (path) => {
      let [from, to] = [contract, part]
      for (const key of path.slice(0, -1)) {
        from = from[key]
        to = to[key] ??= {}
      }
      const last = path.at(-1)
      if (from[last] === undefined || last in to) return
      to[last] = from[last]
      follow(from[last])
    }
    const follow = (node) => {
      if (typeof node !== 'object' || node === null) return
      if (typeof node.$ref === 'string') take(node.$ref.slice('#/'.length).split('/'))
      Object.values(node).forEach(follow)
    }
    take(path)
    return part
  }

  // ---------------------------------------------------------------- what is added to Swagger UI

  const plugin = (system) => {
    const { React } = system
    const h = React.createElement

    /** Prose in which backticks mark what is code. */
    const prose = (text = '') => text.split('`').map((part, index) => (index % 2 ? h('code', { key: index }, part) : part))

    const ProblemNote = ({ problem }) =>
      h('div', { className: 'problem', role: 'alert' },
        h('p', { className: 'problem-title' },
          problem.status && h('span', { className: 'problem-status' }, problem.status), problem.title),
        h('p', null, prose(problem.detail)),
        problem.errors?.length > 0 &&
          h('ul', null, problem.errors.map((error, index) =>
            h('li', { key: index },
              h('code', null, error.pointer ?? error.parameter ?? ''), ' ', prose(error.detail),
              ' ', h('code', { className: 'problem-code' }, error.code)))),
        problem.wait && h('p', null, h('strong', null, `Try again in ${seconds(problem.wait)}.`)),
        problem.type && h('p', null,
          h('a', { href: problem.type, target: '_blank', rel: 'noopener' }, 'What it means, and how to mend it')),
        problem.request_id && h('p', { className: 'problem-id' }, 'Request ', h('code', null, problem.request_id)))

    const Field = ({ label, ...input }) =>
      h('label', null, label, h('input', { required: true, autoCapitalize: 'none', spellCheck: false, ...input }))

    const LoginDialog = () => {
      const dialog = React.useRef(null)
      const [problem, setProblem] = React.useState(null)
      const [isBusy, setBusy] = React.useState(false)
      const isLoggedIn = session !== null
      const close = () => system.authActions.showDefinitions(false)
      // It has the focus while it is open, and gives it back.
      React.useEffect(() => {
        const before = document.activeElement
        dialog.current.showModal()
        return () => before?.focus?.()
      }, [])
      const attempt = async (work) => {
        setBusy(true)
        setProblem(null)
        try {
          await work()
          close()
        } catch (failed) {
          setProblem(failed)
          setBusy(false)
        }
      }
      const submit = (event) => {
        event.preventDefault()
        const form = new FormData(event.target)
        attempt(() => logIn(form.get('username'), form.get('password'), system))
      }
      const title = h('h2', { id: 'login-title' }, isLoggedIn ? `Logged in as ${session.username}` : 'Log in')
      const closing = h('button', { type: 'button', className: 'btn', onClick: close }, 'Close')
      const content = isLoggedIn
        ? h('div', null,
            h('p', null, 'Operations with a lock send the access token of this session, and it is renewed in time.'),
            h('div', { className: 'login-buttons' },
              h('button', { type: 'button', className: 'btn', disabled: isBusy, onClick: () => attempt(() => logOut(system)) },
                'Log out'),
              closing))
        : h('form', { method: 'dialog', onSubmit: submit },
            h('p', null, 'As whom you have signed up with ', h('code', null, 'POST /auth/signup'),
              '. The tokens stay in the memory of this page.'),
            h(Field, { label: 'Username or e-mail address', name: 'username', autoComplete: 'username', autoFocus: true }),
            h(Field, { label: 'Password', name: 'password', type: 'password', autoComplete: 'current-password' }),
            h('div', { className: 'login-buttons' },
              h('button', { type: 'submit', className: 'btn authorize', disabled: isBusy }, 'Log in'),
              closing))
      return h('dialog', { ref: dialog, className: 'login', 'aria-labelledby': 'login-title', onClose: close },
        title, content, problem && h(ProblemNote, { problem }))
    }

    // The guide is long; who tries an operation wants that first.
    const withGuide = (Info) => (props) => {
      const Markdown = system.getComponent('Markdown', true)
      const source = system.specSelectors.info().get('x-guide')
      return h(React.Fragment, null, h(Info, props),
        source && h('details', { className: 'guide' },
          h('summary', null, 'The guide: what holds everywhere'), h(Markdown, { source })))
    }

    const withProblem = (ResponseBody) => (props) => {
      const isProblem = /^application\/problem\+json/i.test(props.contentType ?? '')
      const problem = isProblem ? problemOf(props.content, props.headers ?? {}) : null
      return h(React.Fragment, null, problem && h(ProblemNote, { problem }), h(ResponseBody, props))
    }

    const withFailure = (LiveResponse) => (props) => {
      const isAnswered = Boolean(props.response.get('status'))
      return isAnswered ? h(LiveResponse, props) : h(ProblemNote, { problem: UNREACHABLE })
    }

    // By itself Swagger UI makes and cleans all the prose that is shown anew with each change of anything.
    const withMemory = (Markdown) => {
      const Remembered = React.memo(Markdown, (one, other) => one.source === other.source && one.className === other.className)
      return (props) => h(Remembered, props)
    }

    // A link inside of a button would be two things to press in one.
    const DeepLink = ({ text }) => h('span', null, text)

    // By itself Swagger UI reads the whole contract, and all that was opened before, for each part that is opened.
    const opened = new Set()
    const requestResolvedSubtree = () => async (path) => {
      const name = path.join(' ')
      if (opened.has(name)) return
      opened.add(name)
      const { spec } = await system.fn.resolveSubtree(excerpt(path), path, { baseDoc: location.origin })
      system.specActions.updateResolvedSubtree(path, spec)
    }

    return {
      statePlugins: { spec: { wrapActions: { requestResolvedSubtree } } },
      components: { authorizationPopup: LoginDialog, DeepLink, ServersContainer: () => null },
      wrapComponents: { InfoContainer: withGuide, Markdown: withMemory, responseBody: withProblem, liveResponse: withFailure },
    }
  }

  // ---------------------------------------------------------------- for those who do not see, or have no mouse

  const parameter = (control) => control.closest('[data-param-name]')?.dataset.paramName ?? 'Choice'

  /** What Swagger UI leaves without a name, or out of the keyboard's reach. */
  const LACKING = [
    ['.copy-to-clipboard > button', 'aria-label', () => 'Copy'],
    ['textarea.body-param__text', 'aria-label', () => 'Body'],
    ['select.examples-select-element', 'aria-label', () => 'Example'],
    ['.parameters select', 'aria-label', parameter],
    ['table[role=region]', 'aria-label', (table) => table.id.replaceAll('_', ' ')],
    ['pre.microlight', 'tabindex', () => '0'],
  ]

  const mend = () => {
    for (const [selector, attribute, value] of LACKING) {
      for (const element of root.querySelectorAll(`${selector}:not([${attribute}])`)) {
        element.setAttribute(attribute, value(element))
      }
    }
  }
  new MutationObserver(mend).observe(root, { childList: true, subtree: true })

  // ---------------------------------------------------------------- the start

  const start = async () => {
    const answer = await fetch('/openapi.json', { headers: { Accept: 'application/json' } })
    if (!answer.ok) throw new Error(`/openapi.json answers ${answer.status}`)
    contract = prepared(await answer.json())
    const ui = window.SwaggerUIBundle({
      spec: contract,
      domNode: root,
      plugins: [plugin],
      // Nobody else is asked.
      validatorUrl: null,
      queryConfigEnabled: false,
      persistAuthorization: false,
      deepLinking: true,
      docExpansion: 'list',
      defaultModelsExpandDepth: 0,
      displayRequestDuration: true,
      tryItOutEnabled: true,
      requestInterceptor: async (request) => {
        if (session !== null && request.headers.Authorization === `Bearer ${session.access}`) {
          if (performance.now() >= session.staleAt) await renew(ui)
          if (session !== null) request.headers.Authorization = `Bearer ${session.access}`
        }
        return request
      },
      responseInterceptor: (response) => {
        const { pathname } = new URL(response.url, location.origin)
        // What logs in or out here does so for the page, by whichever way.
        if (response.ok && pathname === '/auth/login' && response.body?.refresh_token) {
          keep(response.body.user.username, response.body, ui)
        }
        if (response.ok && pathname === '/auth/logout' && session !== null) forget(ui)
        if (session !== null && response.status === 401 && ENDED.includes(response.body?.type)) forget(ui)
        return response
      },
    })
  }

  start().catch((failure) => {
    const note = document.createElement('p')
    note.className = 'waiting'
    note.setAttribute('role', 'alert')
    note.textContent = `The contract cannot be shown: ${failure.message}. Reload the page to try again.`
    root.replaceChildren(note)
  })
})()
