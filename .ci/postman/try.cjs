// Runs the collection that a server hands out, as Postman does.
//
//     node try.cjs tutorial URL     runs it as it is, which is the tutorial by token, and by key
//     node try.cjs requests URL     sends each of its other requests once, on a fresh server without quotas
const newman = require('newman')

const [what, server] = process.argv.slice(2)
// The token of these is in a mail, and the version of the console on its page.
const UNKNOWN = ['reset_password', 'verify_email', 'cancel_email', 'show_console_file']

const isTutorial = ({ name }) => name.startsWith('Tutorial')

/** The executions of a run in which no script and no test has failed. */
const run = (collection) =>
  new Promise((resolve, reject) =>
    newman.run({ collection, reporters: [], timeoutRequest: 60_000 }, (error, summary) => {
      if (error) return reject(error)
      const { executions, failures } = summary.run
      const told = failures.map(({ source, error }) => {
        const response = executions.find(({ item }) => item.id === source.id)?.response
        return `${source.name}: ${error.test ?? error.name}: ${error.message}; ${response?.code} ${response?.text() ?? ''}`
      })
      return failures.length ? reject(new Error(told.join('\n'))) : resolve(executions)
    }),
  )

async function tutorial() {
  const url = `${server}/postman.json`
  const steps = (await (await fetch(url)).json()).item.filter(isTutorial).flatMap(({ item }) => item)
  const executions = await run(url)
  const sent = executions.map(({ item }) => item.name)
  if (sent.join() !== steps.map(({ name }) => name).join()) throw new Error(`these were sent: ${sent}`)
  for (const { item, assertions } of executions) if (!assertions?.length) throw new Error(`${item.name} looks at nothing`)
  const looks = executions.flatMap(({ assertions }) => assertions).length
  console.log(`postman: the tutorial: ${sent.length} calls, ${looks} assertions`)
}

async function requests() {
  const [collection, contract] = await Promise.all(
    ['/postman.json', '/openapi.json'].map(async (path) => (await fetch(server + path)).json()),
  )
  const all = collection.item.filter((folder) => !isTutorial(folder)).flatMap(({ item }) => item)
  const named = (key) => all.filter(({ request }) => `${request.method} /${request.url.path.join('/')}` === key)
  const [signup, login, logout] = ['signup', 'login', 'logout'].flatMap((name) => named(`POST /auth/${name}`))
  const of = (isOf) => all.filter((one) => isOf(one.request.method) && ![signup, login, logout].includes(one))
  const [reads, deletes] = ['GET', 'DELETE'].map((wanted) => of((method) => method === wanted))
  const writes = of((method) => !['GET', 'DELETE'].includes(method))
  // What deletes comes last, and in another session, so that there is one to end.
  const order = [signup, login, writes, reads, login, named('GET /me/sessions'), deletes.toReversed(), logout].flat()
  // Two owners are written down and two dogs, one each by the alias; an owner goes with all its dogs.
  for (const { request } of deletes) for (const parameter of request.url.query ?? []) parameter.disabled = false
  collection.item = order.map((one) => structuredClone(one))
  const executions = await run(collection)
  const wrong = executions.flatMap(({ item, response }, index) => {
    const { method, url } = order[index].request
    const path = `/${url.path.join('/')}`.replace(/:(\w+)/g, '{$1}')
    const { operationId, responses } = contract.paths[path][method.toLowerCase()]
    const isRight = response && responses[response.code] && response.code < 300 !== UNKNOWN.includes(operationId)
    return isRight ? [] : [`${item.name}: ${response?.code} ${response?.text()}`]
  })
  if (executions.length !== order.length) wrong.push(`${executions.length} of ${order.length} requests were sent`)
  if (wrong.length) throw new Error(wrong.join('\n'))
  console.log(`postman: each of ${all.length} requests is answered`)
}

Promise.resolve({ tutorial, requests }[what]()).catch((error) => {
  console.error(`postman: ${error.message}`)
  process.exitCode = 1
})
